import assert from "node:assert/strict";
import { timeText } from "../../../supabase/functions/_shared/values.ts";

Deno.test("a time is written as it is, whichever was written before", () => {
  const times = [0, 1, 1, 0, 1_764_250_000_123, 1_764_250_000_122, 1_764_250_000_123, -1];
  for (const at of times) assert.equal(timeText(new Date(at)), new Date(at).toISOString());
});

Deno.test("no time is no text, also where one was written before", () => {
  timeText(new Date(5));
  for (let times = 0; times < 2; times++) assert.throws(() => timeText(new Date(NaN)), RangeError);
  assert.equal(timeText(new Date(5)), "1970-01-01T00:00:00.005Z");
});
