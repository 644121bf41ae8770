import assert from "node:assert/strict";
import { redact } from "../../../cli/terminal/output.ts";
import { agentId, agentSecret, enrollmentCode, readerKey } from "../../_support/vectors.ts";

const cases: readonly [what: string, secret: string, shown: string][] = [
  ["an agent's secret", agentSecret, "ocs_…"],
  ["a part of one", agentSecret.slice(0, 10), "ocs_…"],
  ["an enrollment code", enrollmentCode, "oce_…"],
  ["a reader's key", readerKey, "ocr_…"],
  ["a part of it", readerKey.slice(0, 30), "ocr_…"],
  ["an operator's key", "sb_secret_0123456789abcdef", "sb_secret_…"],
  ["a session token", "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "eyJ…"],
  ["a database's address", "postgres://fleet:word@db.example:5432/fleet", "postgres://…"],
  ["the other spelling of one", "postgresql://fleet:word@db.example/fleet", "postgresql://…"],
];

for (const [what, secret, shown] of cases) {
  Deno.test(`${what} is taken out of what the program says, wherever it stands`, () => {
    assert.equal(redact(`Cannot read "${secret}": no`), `Cannot read "${shown}": no`);
    assert.equal(redact(`${secret} ${secret}`), `${shown} ${shown}`);
  });
}

Deno.test("what is not a secret is left as it is", () => {
  const text =
    `agent ${agentId}, eyelid, ocs_, ocr_worker-1, ocr_document-processing-worker-12, https://fleet.example`;
  assert.equal(redact(text), text);
});
