import assert from "node:assert/strict";
import { isPrintable, printable, printableStrings } from "../../../cli/terminal/printable.ts";

Deno.test("a stranger's text is cut between characters, at 500 of them", () => {
  const text = printable(`${"x".repeat(499)}🦞🦞`);
  assert.equal([...text].length, 500);
  assert.ok(text.endsWith("🦞") && text.isWellFormed());
  assert.ok(printable("\ud83e").isWellFormed());
});

const hostile: [what: string, character: string][] = [
  ["an escape", "\u001b"],
  ["a line feed", "\n"],
  ["a carriage return", "\r"],
  ["DEL", "\u007f"],
  ["C1's own introducer", "\u009b"],
  ["a left-to-right mark", "\u200e"],
  ["a right-to-left mark", "\u200f"],
  ["a line separator", "\u2028"],
  ["a paragraph separator", "\u2029"],
  ["an override of the direction", "\u202e"],
  ["an isolate", "\u2066"],
];

for (const [what, character] of hostile) {
  Deno.test(`${what} is taken out of a text, and of every string and name in a value`, () => {
    const text = `a${character}b`;
    assert.equal(isPrintable(text), false);
    assert.equal(printable(text), "a?b");
    assert.deepEqual(printableStrings({ [text]: [text, { deep: text, count: 1, none: null, yes: true }] }), {
      "a?b": ["a?b", { deep: "a?b", count: 1, none: null, yes: true }],
    });
  });
}

Deno.test("what is printable stays as it is, whatever its length", () => {
  const value = { token: "x".repeat(4096), name: "Jörg 🦞 עברית" };
  assert.deepEqual(printableStrings(value), value);
  assert.ok(isPrintable(value.name));
});
