import { ContractError } from "./errors.ts";
import { type Fields, parseFields } from "./fields.ts";
import type { Incoming } from "./messages.ts";

export const maxBodyBytes = 65_536;
export const bodyTimeoutMs = 10_000;
const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * The JSON object in a request's body, whatever its content type says.
 *
 * @throws {ContractError} as `text` of the request does; `invalid_request` when it is not JSON, or not an object
 */
export async function readJson(request: Pick<Incoming, "text">): Promise<Fields> {
  return parseFields(parseJson(await request.text()), "body");
}

/** The same, but an empty body is an object without fields. */
export async function readOptionalJson(request: Pick<Incoming, "text">): Promise<Fields> {
  const text = await request.text();
  return text.trim() === "" ? {} : parseFields(parseJson(text), "body");
}

/** One array of the chunks of a body. Nearly every body is one chunk, which is not copied. */
export function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
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

/** A body's bytes as text. @throws {ContractError} `invalid_request` when they are not UTF-8 */
export function decodeBody(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) throw unreadable("it is not UTF-8");
    throw error;
  }
}

export function tooLarge(): ContractError {
  return new ContractError(
    "payload_too_large",
    `Cannot read the body: it is larger than ${maxBodyBytes} bytes`,
  );
}

export function notArrived(): ContractError {
  return unreadable(`it did not arrive within ${bodyTimeoutMs / 1000} s`);
}

export function cutOff(cause: unknown): ContractError {
  return new ContractError("invalid_request", "Cannot read the body: it was cut off", { cause });
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

function unreadable(what: string): ContractError {
  return new ContractError("invalid_request", `Cannot read the body: ${what}`);
}
