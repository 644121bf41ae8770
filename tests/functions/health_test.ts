import assert from "node:assert/strict";
import { version } from "../../supabase/functions/_shared/version.ts";
import { endpoint } from "../../supabase/functions/health/handler.ts";
import { ask, testBackend } from "../_support/backend.ts";

Deno.test("GET /health asks the database, and answers exactly as the contract shows it", async () => {
  const backend = await testBackend();
  const reply = await ask(endpoint, backend);
  assert.equal(reply.status, 200);
  assert.deepEqual(reply.body, { ok: true, version, database: "ok" });
  assert.deepEqual(backend.calls, [{ name: "health.ping", args: [] }]);
});
