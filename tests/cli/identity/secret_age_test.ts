import assert from "node:assert/strict";
import { parseSecretAge } from "../../../cli/identity/secret_age.ts";

const ages = [["10m", 600], ["12h", 43_200], ["30d", 2_592_000], ["4w", 2_419_200]] as const;
for (const [text, seconds] of ages) {
  Deno.test(`--rotate-every ${text} is ${seconds} s`, () => {
    assert.equal(parseSecretAge(text), seconds);
  });
}

for (const bad of ["", "9m", "600", "600s", "1y", "-1d", "1.5h", " 30d", "30D", "10000d", "30d\n"]) {
  Deno.test(`--rotate-every ${JSON.stringify(bad)} → usage`, () => {
    const message = /^Cannot use ".*" for --rotate-every: a duration of at least 10m is expected$/;
    assert.throws(() => parseSecretAge(bad), { name: "CliError", failure: "usage", message });
  });
}
