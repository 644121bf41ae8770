import assert from "node:assert/strict";
import { isFitForSecrets, isLoopback } from "../../../supabase/functions/_shared/address.ts";
import { loopbackCases } from "../../_support/loopback_cases.ts";

for (const { host, isLoopback: expected } of loopbackCases) {
  Deno.test(`${host} is ${expected ? "loopback: a secret may go there" : "not loopback: no secret goes there"} over http`, () => {
    assert.equal(new URL(`http://${host}:8000/`).hostname, host, "the table has it as a URL does");
    assert.equal(isLoopback(host), expected);
    assert.equal(isFitForSecrets(`http://${host}:8000`), expected);
    assert.equal(isFitForSecrets(`https://${host}`), true);
  });
}

Deno.test("::1 without brackets, as an option gives it, is loopback", () => assert.ok(isLoopback("::1")));

Deno.test("no scheme but http and https is fit for a secret", () => {
  assert.ok(!isFitForSecrets("ftp://127.0.0.1"));
});
