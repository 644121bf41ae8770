import assert from "node:assert/strict";
import { retryAfter } from "../../../cli/api/retry_after.ts";
import { retryAfterCases } from "../../_support/retry_after_cases.ts";

for (const { name, seconds, ...sent } of retryAfterCases) {
  Deno.test(`Retry-After: ${name} → ${seconds} s for the program`, () => {
    const headers = new Headers({ "retry-after": sent.retryAfter });
    if (sent.date !== "") headers.set("date", sent.date);
    assert.equal(retryAfter(headers), seconds);
  });
}
