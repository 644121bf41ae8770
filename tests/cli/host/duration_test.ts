import assert from "node:assert/strict";
import { formatDuration, parseDuration } from "../../../cli/host/duration.ts";

const durations: [text: string, seconds: number | null][] = [
  ["90", 90],
  ["90s", 90],
  ["15m", 900],
  ["2h", 7200],
  ["30d", 2_592_000],
  ["1w", 604_800],
  ["0", 0],
  ["", null],
  ["h", null],
  ["-1h", null],
  ["1.5h", null],
  ["1h30m", null],
  ["2 h", null],
  ["1e3", null],
  ["9999999999", null],
];
for (const [text, seconds] of durations) {
  Deno.test(`the duration "${text}" is ${seconds === null ? "none" : `${seconds} s`}`, () =>
    assert.equal(parseDuration(text), seconds));
}

for (
  const [seconds, text] of [[90, "90s"], [60, "1m"], [7200, "2h"], [86_400, "1d"], [0, "0s"], [
    5,
    "5s",
  ]] as const
) {
  Deno.test(`${seconds} s are shown as ${text}`, () => assert.equal(formatDuration(seconds), text));
}
