import assert from "node:assert/strict";
import { readBackIn } from "../../../cli/identity/back_in.ts";
import { CliError } from "../../../cli/terminal/errors.ts";

const variable = (value: string | undefined) => (name: string) =>
  name === "OPENCLAW_BACK_IN" ? value : undefined;

for (
  const [flag, value, seconds] of [
    [undefined, undefined, undefined],
    ["1", undefined, 1],
    ["604800", undefined, 604_800],
    [undefined, "120", 120],
    ["60", "120", 60],
    ["60", "soon", 60],
  ] as const
) {
  Deno.test(`--back-in ${flag} and OPENCLAW_BACK_IN ${value} → ${seconds}`, () =>
    assert.equal(readBackIn(flag, variable(value)), seconds));
}

for (const text of ["0", "-1", "1.5", "604801", "9999999", "2m", "soon", " 1", "0x10", ""]) {
  Deno.test(`--back-in "${text}" → usage, and what is expected`, () => {
    assert.throws(
      () => readBackIn(text, variable(undefined)),
      (error: unknown) =>
        error instanceof CliError && error.failure === "usage" &&
        /for --back-in: a whole number/.test(error.message),
    );
  });
}

Deno.test("OPENCLAW_BACK_IN that is not a number of seconds is named", () => {
  assert.throws(() => readBackIn(undefined, variable("2h")), /"2h" for OPENCLAW_BACK_IN/);
});
