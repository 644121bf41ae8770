import type { Random } from "./seed.ts";

/** Sound requests, which the mutations start from. */
const sound = [
  "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
  "GET /a?b=c HTTP/1.1\r\nHost: x\r\nAccept: */*\r\ncookie: a=b\r\ncookie: c=d\r\n\r\n",
  "POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nauthorization: Bearer a.b.c\r\n\r\nhello",
  "POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  "POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nx: y\r\n\r\n",
  "GET /old HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
  "GET http://x/absolute HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\r\n",
];

/** What attacks on the framing are made of. */
const pieces = [
  "\r\n",
  "\n",
  "\r",
  "\0",
  " ",
  "\t",
  ":",
  ";",
  ",",
  "0",
  "5",
  "-1",
  "+5",
  "0x5",
  "ffffffffffffffff",
  "\x80",
  "\xff",
  "HTTP/1.1",
  "HTTP/1.0",
  "HTTP/2.0",
  "HTTP/0.9",
  "content-length: 5\r\n",
  "Content-Length: 0\r\n",
  "content-length: 5, 5\r\n",
  "content-length : 5\r\n",
  "transfer-encoding: chunked\r\n",
  "transfer-encoding: identity\r\n",
  "Transfer-Encoding: gzip, chunked\r\n",
  "transfer-encoding: chunked, gzip\r\n",
  "transfer-encoding:\tchunked\r\n",
  "transfer-encoding\t: chunked\r\n",
  "x: y\r\n folded\r\n",
  " x: y\r\n",
  "x:\r\n",
  "x: y \t\r\n",
  "host: y\r\n",
  "connection: close\r\n",
  "connection: keep-alive\r\n",
  "0\r\n\r\n",
  "5\r\nhello\r\n",
  "GET /next HTTP/1.1\r\nhost: x\r\n\r\n",
  "POST /next HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc",
];

/** One to three sound requests after each other, in which up to three places were changed; its bytes are Latin-1. */
export function mutatedRequests({ next }: Pick<Random, "next">): string {
  const pick = (count: number): number => Math.floor(next() * count);
  const one = (list: readonly string[]): string => list[pick(list.length)] ?? "";
  let text = Array.from({ length: 1 + pick(3) }, () => one(sound)).join("");
  for (let changes = pick(4); changes > 0; changes--) {
    const at = next() < 0.5 ? lineStart(text, pick(text.length)) : pick(text.length);
    const change = pick(4);
    const removed = change === 0 ? 1 + pick(12) : change === 1 ? 1 : 0;
    const added = change === 0 ? "" : change === 1 ? String.fromCharCode(pick(256)) : one(pieces);
    text = text.slice(0, at) + added + text.slice(at + removed);
  }
  return text;
}

/** Most of what matters happens where a line begins. */
function lineStart(text: string, before: number): number {
  return text.lastIndexOf("\n", before) + 1;
}
