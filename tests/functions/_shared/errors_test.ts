import assert from "node:assert/strict";
import {
  asContractError,
  ContractError,
  type ErrorCode,
  errorReply,
  statusOf,
  unavailable,
} from "../../../supabase/functions/_shared/http/errors.ts";

const invalidToken = 'Bearer error="invalid_token"';

/** The contract's table. Its type is closed: a code that is missing here, or is too many, does not compile. */
const table: Record<ErrorCode, [status: number, challenge: string | null]> = {
  invalid_request: [400, null],
  invalid_credentials: [401, null],
  operator_required: [401, "Bearer"],
  token_missing: [401, "Bearer"],
  token_invalid: [401, invalidToken],
  token_expired: [401, invalidToken],
  session_revoked: [401, invalidToken],
  forbidden: [403, null],
  not_found: [404, null],
  method_not_allowed: [405, null],
  conflict: [409, null],
  payload_too_large: [413, null],
  rate_limited: [429, null],
  internal: [500, null],
  unavailable: [503, null],
};

for (const code of codes()) {
  const [status, challenge] = table[code];
  Deno.test(`${code} is answered with ${status}${challenge === null ? "" : ` and ${challenge}`}`, () => {
    const reply = errorReply(new ContractError(code, "Cannot do it: it is a test"), "request-1");
    assert.equal(reply.status, status);
    assert.equal(statusOf(code), status);
    assert.equal(reply.headers["www-authenticate"] ?? null, challenge);
    assert.equal(reply.headers.allow, undefined);
    assert.equal(reply.headers["retry-after"], undefined);
    assert.equal(reply.headers["content-type"], "application/json");
    assert.deepEqual(JSON.parse(String(reply.body)), {
      error: code,
      error_description: "Cannot do it: it is a test",
      request_id: "request-1",
    });
  });
}

Deno.test("the table of errors is the contract's: fifteen codes", () => {
  assert.equal(codes().length, 15);
});

Deno.test("method_not_allowed brings the allow header that it was given", () => {
  const error = new ContractError("method_not_allowed", "Cannot do it: no", { allow: "POST, OPTIONS" });
  assert.equal(errorReply(error, "r").headers.allow, "POST, OPTIONS");
});

Deno.test("rate_limited brings retry-after in whole seconds", () => {
  const error = new ContractError("rate_limited", "Cannot do it: no", { retryAfterSeconds: 7 });
  assert.equal(errorReply(error, "r").headers["retry-after"], "7");
});

Deno.test("unavailable brings retry-after, keeps its cause, and says nothing of it", () => {
  const cause = new Error("connect ECONNREFUSED 10.0.0.7:5432");
  const error = unavailable("the database", cause);
  assert.equal(error.cause, cause);
  const reply = errorReply(error, "r");
  assert.match(reply.headers["retry-after"] ?? "", /^[1-9]\d*$/);
  assert.ok(!String(reply.body).includes("10.0.0.7"));
});

for (
  const [name, thrown] of [
    ["an error", new Error("relation agents does not exist")],
    ["a string", "relation agents does not exist"],
    ["undefined", undefined],
    ["null", null],
    ["something that calls itself a ContractError", { name: "ContractError", code: "forbidden" }],
  ] as const
) {
  Deno.test(`${name} that nobody foresaw is internal, with its cause beside the reply`, () => {
    const error = asContractError(thrown);
    assert.equal(error.code, "internal");
    assert.equal(error.cause, thrown);
    assert.ok(!String(errorReply(error, "r").body).includes("agents"));
  });
}

Deno.test("a ContractError stays what it is", () => {
  const error = new ContractError("conflict", "Cannot do it: no");
  assert.equal(asContractError(error), error);
});

function codes(): ErrorCode[] {
  return Object.keys(table).filter((code): code is ErrorCode => code in table);
}
