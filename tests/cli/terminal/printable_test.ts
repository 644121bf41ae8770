import assert from "node:assert/strict";
import { printable } from "../../../cli/terminal/printable.ts";

Deno.test("a stranger's text is cut between characters, at 500 of them", () => {
  const text = printable(`${"x".repeat(499)}🦞🦞`);
  assert.equal([...text].length, 500);
  assert.ok(text.endsWith("🦞") && text.isWellFormed());
  assert.ok(printable("\ud83e").isWellFormed());
});
