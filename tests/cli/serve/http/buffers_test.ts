import assert from "node:assert/strict";
import { encode, giveBack, usualBytes } from "../../../../cli/serve/http/buffers.ts";

const texts = [
  "",
  "plain",
  "Grüße, 日本 🦀",
  "x".repeat(usualBytes),
  "x".repeat(usualBytes + 1),
  "ü".repeat(usualBytes - 1000),
];

for (const text of texts) {
  Deno.test(`${text.length} characters, ${text.slice(0, 12)} → as any encoder has them`, () => {
    const bytes = encode(text);
    assert.deepEqual(bytes.slice(), new TextEncoder().encode(text));
    giveBack(bytes);
  });
}

Deno.test("bytes that were not given back → no other text is written into them", () => {
  const all = Array.from({ length: 300 }, (_, index) => encode(`text ${index}`));
  assert.deepEqual(
    all.map((bytes) => new TextDecoder().decode(bytes)),
    all.map((_, index) => `text ${index}`),
  );
  all.forEach(giveBack);
});

Deno.test("bytes that were given back → are written into again, by one text at a time", () => {
  const bytes = encode("before");
  giveBack(bytes);
  const [next, other] = [encode("after"), encode("others")];
  assert.equal(next.buffer, bytes.buffer);
  assert.notEqual(other.buffer, next.buffer);
  assert.deepEqual([next, other].map((one) => new TextDecoder().decode(one)), ["after", "others"]);
});
