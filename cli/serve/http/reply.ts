import { Buffer } from "node:buffer";
import { STATUS_CODES } from "node:http";
import type { Reply } from "../../../supabase/functions/_shared/http/messages.ts";
import type { WireRequest } from "./request.ts";

const encoder = new TextEncoder();
const notPrintable = /[^\t\x20-\x7e]/;

/** How a reply goes out. */
export interface Framing {
  /** What it answers; null when that could not be read. */
  request: Pick<WireRequest, "method" | "isHttp10"> | null;
  /** Whether the connection ends with it. */
  isLast: boolean;
}

/**
 * A reply as it is sent: as text, where its body is text.
 *
 * @throws {TypeError} when a header's value cannot be sent
 */
export function wholeReply({ body, ...head }: Reply, framing: Framing): string | Uint8Array {
  const isText = typeof body === "string";
  const length = body === null ? 0 : isText ? Buffer.byteLength(body) : body.length;
  const hasLength = mayHaveBody(head.status) && (body !== null || framing.request?.method !== "HEAD");
  const text = `${headText(head, framing)}${hasLength ? `content-length: ${length}\r\n\r\n` : "\r\n"}`;
  if (body === null || !mayHaveBody(head.status) || framing.request?.method === "HEAD") return text;
  return isText ? text + body : Buffer.concat([encoder.encode(text), body]);
}

/** The head of a reply that goes on: in chunks, which only HTTP/1.1 has, or until the connection ends. */
export function streamHead(head: Pick<Reply, "status" | "headers">, framing: Framing): string {
  const inChunks = framing.request?.isHttp10 ? "" : "transfer-encoding: chunked\r\n";
  return `${headText(head, framing)}${inChunks}\r\n`;
}

/** A piece of a reply that goes on as a chunk (RFC 9112 section 7.1). */
export function chunkOf(piece: Uint8Array): Uint8Array {
  return Buffer.concat([encoder.encode(`${piece.length.toString(16)}\r\n`), piece, crlf]);
}

const crlf = encoder.encode("\r\n");
export const lastChunk = encoder.encode("0\r\n\r\n");
export const goOn = "HTTP/1.1 100 Continue\r\n\r\n";

function mayHaveBody(status: number): boolean {
  return status !== 204 && status !== 304;
}

/** The first line and the headers, without what tells how long the body is. */
function headText(
  { status, headers }: Pick<Reply, "status" | "headers">,
  { request, isLast }: Framing,
): string {
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n`;
  for (const name in headers) {
    const value = headers[name] ?? "";
    // Or a value with a line break could be another header, or the beginning of the body.
    if (notPrintable.test(value)) throw new TypeError(`the header ${name} cannot be sent`);
    text += `${name}: ${value}\r\n`;
  }
  text += `date: ${dateText()}\r\n`;
  if (isLast) return `${text}connection: close\r\n`;
  return request?.isHttp10 ? `${text}connection: keep-alive\r\n` : text;
}

let date = { second: 0, text: "" };

/** The time as HTTP has it, which takes as long to write as the rest of a head, and changes once a second. */
function dateText(): string {
  const second = Math.floor(Date.now() / 1000);
  if (date.second !== second) date = { second, text: new Date(second * 1000).toUTCString() };
  return date.text;
}
