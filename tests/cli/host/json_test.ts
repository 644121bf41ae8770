import assert from "node:assert/strict";
import { parseObject } from "../../../cli/host/json.ts";

Deno.test("a BOM before an object is skipped, one within it or twice is not", () => {
  assert.deepEqual(parseObject('\uFEFF{"a":1}'), { a: 1 });
  assert.equal(parseObject('\uFEFF\uFEFF{"a":1}'), null);
  assert.equal(parseObject('{\uFEFF"a":1}'), null);
});
