import { ContractError } from "./errors.ts";
import { type Fields, parseFields } from "./fields.ts";

const maxBytes = 65_536;
const bodyTimeoutMs = 10_000;
const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * The JSON object in a request's body, whatever its content type says.
 *
 * @throws {ContractError} `payload_too_large` above 64 KiB; `invalid_request` when it is not UTF-8, not JSON,
 * not an object, or has not arrived after 10 s.
 */
export async function readJson(request: Request): Promise<Fields> {
  return parseFields(parseJson(await readText(request)), "body");
}

/** The same, but an empty body is an object without fields. */
export async function readOptionalJson(request: Request): Promise<Fields> {
  const text = await readText(request);
  return text.trim() === "" ? {} : parseFields(parseJson(text), "body");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw unreadable(text === "" ? "it is empty, expected JSON" : "it is not JSON");
    }
    throw error;
  }
}

async function readText(request: Request): Promise<string> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge();
  const bytes = request.body === null ? new Uint8Array() : await readBytes(request.body);
  try {
    return utf8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) throw unreadable("it is not UTF-8");
    throw error;
  }
}

async function readBytes(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const deadline = timer(bodyTimeoutMs);
  try {
    while (true) {
      const read = await Promise.race([readChunk(reader), deadline.over]);
      if (read === "over") throw unreadable(`it did not arrive within ${bodyTimeoutMs / 1000} s`);
      if (read.done) return joined(chunks, length);
      length += read.value.length;
      if (length > maxBytes) throw tooLarge();
      chunks.push(read.value);
    }
  } finally {
    deadline.clear();
    // The rest of a body is given up, and so is one whose sender is gone.
    reader.cancel().catch(() => undefined);
  }
}

/** Nearly every body is one chunk, which is not copied. */
function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [first = new Uint8Array()] = chunks;
  if (chunks.length < 2) return first;
  const bytes = new Uint8Array(length);
  let start = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, start);
    start += chunk.length;
  }
  return bytes;
}

/** A connection that ends in the middle of a body is the sender's fault. */
async function readChunk(reader: ReadableStreamDefaultReader<Uint8Array>) {
  try {
    return await reader.read();
  } catch (error) {
    throw new ContractError("invalid_request", "Cannot read the body: it was cut off", { cause: error });
  }
}

function timer(milliseconds: number): { over: Promise<"over">; clear: () => void } {
  const { promise, resolve } = Promise.withResolvers<"over">();
  const handle = setTimeout(() => resolve("over"), milliseconds);
  return { over: promise, clear: () => clearTimeout(handle) };
}

function tooLarge(): ContractError {
  return new ContractError("payload_too_large", `Cannot read the body: it is larger than ${maxBytes} bytes`);
}

function unreadable(what: string): ContractError {
  return new ContractError("invalid_request", `Cannot read the body: ${what}`);
}
