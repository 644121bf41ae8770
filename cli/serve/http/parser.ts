import { Buffer } from "node:buffer";
import wasm from "undici/llhttp";

/** The first part of a request, as it was sent. */
export interface Head {
  method: string;
  target: string;
  /** Names and values by turns. */
  headers: readonly string[];
  isHttp10: boolean;
  /** Whether another request may follow on the connection. */
  keepsAlive: boolean;
}

/** What a parser tells, while it reads. What it is given is good for the time of the call only. */
export interface Events {
  onBegin: () => void;
  onHead: (head: Head) => void;
  /** The bytes as text, too, or null when not all of what was read with them is ASCII. */
  onBody: (bytes: Uint8Array, ascii: string | null) => void;
  onEnd: () => void;
}

/** Why bytes are not requests. */
export type ParseFault = "malformed" | "too large";

/** Of a request's first line and headers, and of its trailers: what `node:http` allows. */
const maxHeaderBytes = 16_384;
/** How many bytes are parsed at once at most. */
export const maxChunkBytes = 65_536;

const requestType = 1;
const pausedForUpgrade = 22;
const failed = -1;

type Call = (...numbers: number[]) => number;

/** Bytes as Latin-1, a character for each. */
interface ChunkText {
  text: string;
  isAscii: boolean;
}

/** The parser that reads, and what it reads: one at a time does, and none waits in between. */
let current: RequestParser | null = null;
let chunk: Uint8Array = new Uint8Array();
let chunkText: ChunkText | null = null;

const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm), {
  env: {
    wasm_on_message_begin: () => current?.begin() ?? failed,
    wasm_on_url: (_: number, at: number, length: number) => current?.takeTarget(at, length) ?? failed,
    wasm_on_status: () => failed,
    wasm_on_header_field: (_: number, at: number, length: number) => current?.takeName(at, length) ?? failed,
    wasm_on_header_value: (_: number, at: number, length: number) => current?.takeValue(at, length) ?? failed,
    wasm_on_headers_complete: (_: number, _status: number, upgrade: number, keepsAlive: number) =>
      // Nobody here speaks the protocol that a request asks for, and its sender might go on with that.
      current?.takeHead(keepsAlive === 1 && upgrade === 0) ?? failed,
    wasm_on_body: (_: number, at: number, length: number) => current?.takeBody(at, length) ?? failed,
    wasm_on_message_complete: () => current?.end() ?? failed,
  },
});
const memory = exportedMemory();
exported("_initialize")();
const [execute, method, major, minor] = [
  exported("llhttp_execute"),
  exported("llhttp_get_method"),
  exported("llhttp_get_http_major"),
  exported("llhttp_get_http_minor"),
];
const inputAt = exported("malloc")(maxChunkBytes);
let input = new Uint8Array(memory.buffer);
const methods = new Map<number, string>();
const utf8 = new TextDecoder();

/**
 * Reads the requests of one connection with llhttp, which is what Node.js reads them with. It is strict: none of its
 * lenient flags is set.
 */
export class RequestParser {
  readonly #pointer = exported("llhttp_alloc")(requestType);
  readonly #events: Events;
  #target = "";
  #headers: string[] = [];
  #headerBytes = 0;
  #isInHead = false;
  #isTooLarge = false;

  constructor(events: Events) {
    this.#events = events;
  }

  /**
   * Reads on, and tells what it has read.
   *
   * @param bytes at most `maxChunkBytes`
   * @returns why nothing more can be read, or null
   */
  read(bytes: Uint8Array): ParseFault | null {
    current = this;
    chunk = bytes;
    chunkText = null;
    // Its memory may have grown, and moved.
    if (input.length === 0) input = new Uint8Array(memory.buffer);
    input.set(bytes, inputAt);
    const fault = execute(this.#pointer, inputAt, bytes.length);
    current = null;
    if (fault === 0 || fault === pausedForUpgrade) return null;
    return this.#isTooLarge ? "too large" : "malformed";
  }

  /** Gives its memory back. */
  free(): void {
    exported("llhttp_free")(this.#pointer);
  }

  begin(): number {
    this.#target = "";
    this.#headers = [];
    this.#headerBytes = 0;
    this.#isInHead = true;
    this.#events.onBegin();
    return 0;
  }

  takeTarget(at: number, length: number): number {
    this.#target += textAt(at, length);
    return this.#count(length);
  }

  takeName(at: number, length: number): number {
    if (this.#isInHead) this.#take(textAt(at, length), 0);
    return this.#count(length);
  }

  takeValue(at: number, length: number): number {
    if (this.#isInHead) this.#take(textAt(at, length), 1);
    return this.#count(length);
  }

  takeHead(keepsAlive: boolean): number {
    this.#isInHead = false;
    this.#headerBytes = 0;
    // llhttp knows HTTP/0.9 and 2.0, too.
    if (major(this.#pointer) !== 1) return failed;
    this.#events.onHead({
      method: methodName(method(this.#pointer)),
      target: this.#target,
      headers: this.#headers.map(withoutTail),
      isHttp10: minor(this.#pointer) === 0,
      keepsAlive,
    });
    return 0;
  }

  takeBody(at: number, length: number): number {
    const [start, end] = [at - inputAt, at - inputAt + length];
    const { text, isAscii } = chunkText ??= textOf(chunk);
    this.#events.onBody(chunk.subarray(start, end), isAscii ? text.slice(start, end) : null);
    return 0;
  }

  end(): number {
    this.#events.onEnd();
    return 0;
  }

  /** A name or a value, or the rest of one that began in the bytes before. */
  #take(text: string, turn: 0 | 1): void {
    const { length } = this.#headers;
    if (length % 2 === turn) this.#headers.push(text);
    else this.#headers[length - 1] += text;
  }

  #count(length: number): number {
    this.#headerBytes += length;
    this.#isTooLarge = this.#headerBytes >= maxHeaderBytes;
    return this.#isTooLarge ? failed : 0;
  }
}

function exportedMemory(): WebAssembly.Memory {
  if (exports.memory instanceof WebAssembly.Memory) return exports.memory;
  throw new Error("llhttp has no memory");
}

function exported(name: string): Call {
  const value: unknown = exports[name];
  if (!isCall(value)) throw new Error(`llhttp has no ${name}`);
  return value;
}

function isCall(value: unknown): value is Call {
  return typeof value === "function";
}

/** A header without the blanks after its value, which are not of it (RFC 9110 section 5.5). */
function withoutTail(text: string): string {
  let end = text.length;
  while (end > 0 && (text.charCodeAt(end - 1) === 0x20 || text.charCodeAt(end - 1) === 0x09)) end -= 1;
  return end === text.length ? text : text.slice(0, end);
}

function textAt(at: number, length: number): string {
  chunkText ??= textOf(chunk);
  return chunkText.text.slice(at - inputAt, at - inputAt + length);
}

/** By way of UTF-8, which for ASCII is the same and, under Deno 2.4, takes a fifteenth of the time. */
function textOf(bytes: Uint8Array): ChunkText {
  const text = utf8.decode(bytes);
  const isAscii = text.length === bytes.length && !text.includes("\ufffd");
  if (isAscii) return { text, isAscii };
  return { text: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1"), isAscii };
}

function methodName(number: number): string {
  const known = methods.get(number);
  if (known !== undefined) return known;
  const bytes = new Uint8Array(memory.buffer, exported("llhttp_method_name")(number));
  const { text: name } = textOf(bytes.subarray(0, bytes.indexOf(0)));
  methods.set(number, name);
  return name;
}
