import assert from "node:assert/strict";
import { endpoint } from "../../supabase/functions/agents/routes.ts";
import { agent, agentId, ask, now, operatorKey, testBackend } from "../_support/backend.ts";
import { assertError } from "../_support/client.ts";
import { operatorsWithUsers, userAuthorization, userId } from "./_users.ts";

const apikey = { apikey: operatorKey };
const one = `/${agentId}`;
const revoked = { ...agent, liveness: "revoked", revoked_at: now.toISOString() };

Deno.test("GET /agents/<id> answers the Agent, with the contract's fields and no other", async () => {
  const reply = await ask(endpoint, await testBackend(), { rest: one, headers: apikey });
  assert.deepEqual(reply.body, agent);
  const fields =
    "id owner_id name labels heartbeat_interval_seconds progress_deadline_seconds status message " +
    "liveness liveness_since last_seen_at back_at busy last_progress_at last_handshake_at metrics version hostname " +
    "os arch clock_offset_seconds created_at revoked_at muted_until secret_created_at previous_secret_expires_at " +
    "last_secret rotation refused_handshakes_count last_refused_at last_refusal copies";
  assert.deepEqual(Object.keys(reply.body).sort(), fields.split(" ").sort());
});

Deno.test("a secret key sees the rows of everybody", async () => {
  const backend = await testBackend();
  await ask(endpoint, backend, { rest: one, headers: apikey });
  assert.deepEqual(backend.calls, [{ name: "agents.get", args: [agentId, null] }]);
});

Deno.test("a user sees the rows that they own: the database is asked for those alone", async () => {
  const backend = await testBackend();
  backend.operators = await operatorsWithUsers();
  const reply = await ask(endpoint, backend, { rest: one, headers: await userAuthorization() });
  assert.equal(reply.status, 200);
  assert.deepEqual(backend.calls, [{ name: "agents.get", args: [agentId, userId] }]);
});

Deno.test("POST /agents/<id>/revoke answers the Agent after its revocation", async () => {
  const backend = await testBackend({ agents: { revoke: () => Promise.resolve(revoked) } });
  const reply = await ask(endpoint, backend, { method: "POST", rest: `${one}/revoke`, headers: apikey });
  assert.equal(reply.status, 200);
  assert.deepEqual(reply.body, revoked);
  const args = [agentId, { ownerId: null, act: { actor: "key:default", address: "192.0.2.1" } }];
  assert.deepEqual(backend.calls, [{ name: "agents.revoke", args }]);
});

Deno.test("a user revokes the rows that they own, and is named as the one who did", async () => {
  const backend = await testBackend();
  backend.operators = await operatorsWithUsers();
  const headers = await userAuthorization();
  await ask(endpoint, backend, { method: "POST", rest: `${one}/revoke`, headers });
  const args = [agentId, { ownerId: userId, act: { actor: `user:${userId}`, address: "192.0.2.1" } }];
  assert.deepEqual(backend.calls, [{ name: "agents.revoke", args }]);
});

Deno.test("revoking twice is fine", async () => {
  const backend = await testBackend({ agents: { revoke: () => Promise.resolve(revoked) } });
  const init = { method: "POST", rest: `${one}/revoke`, headers: apikey };
  assert.deepEqual((await ask(endpoint, backend, init)).body, (await ask(endpoint, backend, init)).body);
});

Deno.test("a revocation is one line in the log: who ended which agent", async () => {
  const backend = await testBackend({ agents: { revoke: () => Promise.resolve(revoked) } });
  const headers = { ...apikey, "x-request-id": "end-1" };
  await ask(endpoint, backend, { method: "POST", rest: `${one}/revoke`, headers });
  const [line = ""] = backend.lines;
  const { time: _, ...act }: Record<string, unknown> = JSON.parse(line);
  assert.deepEqual(act, {
    level: "info",
    event: "agent revoked",
    agent_id: agentId,
    actor: "key:default",
    request_id: "end-1",
  });
});

Deno.test("after 20 wrong keys at any of an operator's endpoints → rate_limited, and no call of the database", async () => {
  const backend = await testBackend();
  const headers = { apikey: "sb_secret_wrong" };
  for (let index = 0; index < 20; index++) {
    const init = index % 2 === 0 ? { rest: one } : { rest: `${one}/revoke`, method: "POST" };
    assertError(await ask(endpoint, backend, { ...init, headers }), "operator_required", 401);
  }
  assertError(await ask(endpoint, backend, { rest: one, headers }), "rate_limited", 429);
  assert.deepEqual(backend.calls, []);
  assert.equal((await ask(endpoint, backend, { rest: one, headers: apikey })).status, 200);
});
