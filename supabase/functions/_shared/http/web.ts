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

async function textOf(request: Request): Promise<string> {
  const { headers, body } = request;
  const told = headers.get("content-length");
  if (Number(told ?? 0) > maxBodyBytes) throw tooLarge();
  if (body === null) return "";
  // A content-length does not limit a body of chunks.
  const isLengthTrue = /^\d+$/.test(told ?? "") && headers.get("transfer-encoding") === null;
  return decodeBody(await inTime(isLengthTrue ? wholeOf(request) : chunksOf(body)));
}

/** A body that is being read, and what ends that. */
interface Reading {
  bytes: Promise<Uint8Array>;
  giveUp: () => void;
}

async function inTime({ bytes, giveUp }: Reading): Promise<Uint8Array> {
  const deadline = timer(bodyTimeoutMs);
  try {
    const read = await Promise.race([bytes, deadline.over]);
    if (read === "over") throw notArrived();
    return read;
  } finally {
    deadline.clear();
    giveUp();
  }
}

/**
 * A body whose length was told: the runtime reads no more of it, into as many bytes. For each chunk of a stream, Deno
 * takes 64 KiB. It cannot be given up but with its connection.
 */
function wholeOf(request: Request): Reading {
  const bytes = request.arrayBuffer().then((buffer) => {
    if (buffer.byteLength > maxBodyBytes) throw tooLarge();
    return new Uint8Array(buffer);
  }, (error: unknown) => {
    throw cutOff(error);
  });
  return { bytes, giveUp: () => undefined };
}

function chunksOf(body: ReadableStream<Uint8Array>): Reading {
  const reader = body.getReader();
  return {
    bytes: readAll(reader),
    // The rest of a body is given up, and so is one whose sender is gone.
    giveUp: () => void reader.cancel().catch(() => undefined),
  };
}

async function readAll(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (true) {
    const { done, value } = await readChunk(reader);
    if (done) return joined(chunks, length);
    length += value.length;
    if (length > maxBodyBytes) throw tooLarge();
    chunks.push(value);
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
