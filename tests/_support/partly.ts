import assert from "node:assert/strict";
import { isRecord } from "../../supabase/functions/_shared/values.ts";

/**
 * Asserts that a value has what is expected of it, and maybe more: other keys in its objects, more at the end of its
 * lists. Node's own `partialDeepStrictEqual` is not in the Deno of the Edge Runtime, nor in that of the compiler.
 */
export function assertPartly(actual: unknown, expected: unknown): void {
  assert.deepEqual(partOf(actual, expected), expected);
}

function partOf(actual: unknown, expected: unknown): unknown {
  if (Array.isArray(actual) && Array.isArray(expected)) {
    return actual.slice(0, expected.length).map((one, index) => partOf(one, expected[index]));
  }
  if (!isRecord(actual) || !isRecord(expected)) return actual;
  const keys = Object.keys(expected).filter((key) => key in actual);
  return Object.fromEntries(keys.map((key) => [key, partOf(actual[key], expected[key])]));
}
