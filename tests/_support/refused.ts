import assert from "node:assert/strict";
import type { Run } from "./program.ts";
import { agentSecret } from "./vectors.ts";

/** A refusal: its exit code, one sentence and one hint on stderr, no secret in them, nothing on stdout. */
export function assertRefused({ code, stdout, stderr }: Run, expected: number, message: RegExp): void {
  assert.match(stderr, message);
  assert.equal(code, expected, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, /^error: [^\n]+\n(\(Did you mean [^\n]+\?\)\n)?hint: [^\n]+\n$/);
  assertNoSecret(stderr);
}

/** Asserts that no part of the secret of `vectors.ts` is in the text. */
export function assertNoSecret(text: string): void {
  for (let start = 4; start + 8 <= agentSecret.length; start += 4) {
    assert.ok(!text.includes(agentSecret.slice(start, start + 8)), text);
  }
}
