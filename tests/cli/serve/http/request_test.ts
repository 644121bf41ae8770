import assert from "node:assert/strict";
import { ContractError } from "../../../../supabase/functions/_shared/http/errors.ts";
import { WireRequest } from "../../../../cli/serve/http/request.ts";

const encoder = new TextEncoder();

/** A request whose body came in these pieces: as the parser gives them, also as text where all of one is ASCII. */
function requestWith(pieces: readonly Uint8Array[]): WireRequest {
  const request = new WireRequest({
    method: "POST",
    target: "/",
    headers: ["host", "a.example"],
    isHttp10: false,
    keepsAlive: true,
  });
  for (const piece of pieces) {
    const isAscii = piece.every((byte) => byte < 0x80);
    request.take(piece, isAscii ? new TextDecoder().decode(piece) : null);
    // The connection reads on into the same bytes.
    piece.fill(0x21);
  }
  request.complete();
  return request;
}

const text = '{"message": "Grüße, 日本 🦀"}';
const cuts: [what: string, at: number[]][] = [
  ["in one piece", []],
  ["cut in the middle of a character of two bytes", [16]],
  ["cut in the middle of one of four bytes", [30]],
  ["with pieces of ASCII around it", [14, 15, 34]],
  ["byte by byte", Array.from({ length: encoder.encode(text).length - 1 }, (_, index) => index + 1)],
];

for (const [what, at] of cuts) {
  Deno.test(`a body ${what} → the same text`, async () => {
    const bytes = encoder.encode(text);
    const pieces = [0, ...at].map((start, index) => bytes.slice(start, at[index]));
    assert.equal(await requestWith(pieces).text(), text);
  });
}

const faults: [what: string, pieces: number[][]][] = [
  ["a byte that is no UTF-8", [[0x22, 0xff, 0x22]]],
  ["a character that is cut off by ASCII", [[0x22, 0xc3], [0x22]]],
  ["a character that is cut off by the end", [[0x22, 0xf0, 0x9f], [0xa6]]],
];

for (const [what, pieces] of faults) {
  Deno.test(`a body with ${what} → is refused`, async () => {
    await assert.rejects(
      requestWith(pieces.map((piece) => Uint8Array.from(piece))).text(),
      (error) => error instanceof ContractError && /it is not UTF-8/.test(error.message),
    );
  });
}

Deno.test("a request without a body → an empty text", async () => {
  assert.equal(await requestWith([]).text(), "");
});
