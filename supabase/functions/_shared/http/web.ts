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
  return decodeBody(await inTime(isLengthTrue ? bytesOf(body, Number(told)) : chunksOf(body)));
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

/** A body whose length was told, into as many bytes. For each chunk of a stream, Deno takes 64 KiB. */
function bytesOf(body: ReadableStream<Uint8Array>, length: number): Reading {
  const reader = byteReader(body);
  return reader === null ? chunksOf(body) : { bytes: readInto(reader, length), giveUp: giveUp(reader) };
}

/** Null for a stream that is not of bytes. */
function byteReader(body: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | null {
  try {
    return body.getReader({ mode: "byob" });
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** Each read takes the buffer away, and gives it back in its value. */
async function readInto(reader: ReadableStreamBYOBReader, length: number): Promise<Uint8Array> {
  let bytes = new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const { done, value } = await unlessCutOff(reader.read(bytes.subarray(filled)));
    if (done) throw cutOff("it is shorter than its content-length");
    filled += value.length;
    bytes = new Uint8Array(value.buffer);
  }
  return bytes;
}

function chunksOf(body: ReadableStream<Uint8Array>): Reading {
  const reader = body.getReader();
  return { bytes: readAll(reader), giveUp: giveUp(reader) };
}

/** The rest of a body is given up, and so is one whose sender is gone. */
function giveUp(reader: ReadableStreamGenericReader): () => void {
  return () => void reader.cancel().catch(() => undefined);
}

async function readAll(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (true) {
    const { done, value } = await unlessCutOff(reader.read());
    if (done) return joined(chunks, length);
    length += value.length;
    if (length > maxBodyBytes) throw tooLarge();
    chunks.push(value);
  }
}

/** A connection that ends in the middle of a body is the sender's fault. */
async function unlessCutOff<Result>(read: Promise<Result>): Promise<Result> {
  try {
    return await read;
  } catch (error) {
    throw cutOff(error);
  }
}

function timer(milliseconds: number): { over: Promise<"over">; clear: () => void } {
  const { promise, resolve } = Promise.withResolvers<"over">();
  const handle = setTimeout(() => resolve("over"), milliseconds);
  return { over: promise, clear: () => clearTimeout(handle) };
}
