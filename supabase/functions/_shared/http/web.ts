import { bodyTimeoutMs, cutOff, decodeBody, joined, maxBodyBytes, notArrived, tooLarge } from "./body.ts";
import type { Incoming, Reply } from "./messages.ts";

/** A `Request`, for the handlers. */
export function incomingOf(request: Request): Incoming {
  return {
    method: request.method,
    headers: request.headers,
    get query() {
      return new URL(request.url).searchParams;
    },
    text: () => textOf(request),
  };
}

/** What a handler replied, as a `Response`. */
export function responseOf({ status, headers, body }: Reply): Response {
  return new Response(typeof body === "string" || body === null ? body : new Uint8Array(body), {
    status,
    headers,
  });
}

async function textOf({ headers, body }: Request): Promise<string> {
  if (Number(headers.get("content-length") ?? 0) > maxBodyBytes) throw tooLarge();
  return body === null ? "" : decodeBody(await readBytes(body));
}

async function readBytes(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const deadline = timer(bodyTimeoutMs);
  try {
    while (true) {
      const read = await Promise.race([readChunk(reader), deadline.over]);
      if (read === "over") throw notArrived();
      if (read.done) return joined(chunks, length);
      length += read.value.length;
      if (length > maxBodyBytes) throw tooLarge();
      chunks.push(read.value);
    }
  } finally {
    deadline.clear();
    // The rest of a body is given up, and so is one whose sender is gone.
    reader.cancel().catch(() => undefined);
  }
}

/** A connection that ends in the middle of a body is the sender's fault. */
async function readChunk(reader: ReadableStreamDefaultReader<Uint8Array>) {
  try {
    return await reader.read();
  } catch (error) {
    throw cutOff(error);
  }
}

function timer(milliseconds: number): { over: Promise<"over">; clear: () => void } {
  const { promise, resolve } = Promise.withResolvers<"over">();
  const handle = setTimeout(() => resolve("over"), milliseconds);
  return { over: promise, clear: () => clearTimeout(handle) };
}
