import assert from "node:assert/strict";
import { endpoint } from "../../supabase/functions/incidents/routes.ts";
import { agentId, ask, incident, now, operatorKey, testBackend } from "../_support/backend.ts";
import { assertError } from "../_support/client.ts";
import { operatorsWithUsers, userAuthorization, userId } from "./_users.ts";

const headers = { apikey: operatorKey };
const act = { actor: "key:default", address: "192.0.2.1" };
const first = { limit: 50, after: null };

Deno.test("GET /incidents answers the incidents, the next cursor and the time", async () => {
  const backend = await testBackend();
  const { status, body } = await ask(endpoint, backend, { headers });
  assert.equal(status, 200);
  assert.deepEqual(body, { incidents: [incident], next_cursor: null, server_time: now.toISOString() });
  assert.deepEqual(backend.calls, [{ name: "incidents.list", args: [null, { state: null, page: first }] }]);
});

for (const state of ["open", "closed"]) {
  Deno.test(`GET /incidents?state=${state} asks for these`, async () => {
    const backend = await testBackend();
    await ask(endpoint, backend, { rest: `?state=${state}&limit=1`, headers });
    assert.deepEqual(backend.calls[0]?.args, [null, { state, page: { ...first, limit: 1 } }]);
  });
}

for (
  const [query, field] of [["state=", "state"], ["state=all", "state"], ["limit=0", "limit"], [
    "cursor=x",
    "cursor",
  ]]
) {
  Deno.test(`GET /incidents?${query} → invalid_request naming ${field}, and no call`, async () => {
    const backend = await testBackend();
    const reply = await ask(endpoint, backend, { rest: `?${query}`, headers });
    assertError(reply, "invalid_request", 400);
    assert.match(String(reply.body.error_description), new RegExp(`"${field}"`));
    assert.deepEqual(backend.calls, []);
  });
}

Deno.test("GET /incidents/<id> answers the incident", async () => {
  const backend = await testBackend();
  const { body } = await ask(endpoint, backend, { rest: `/${agentId.toUpperCase()}`, headers });
  assert.deepEqual(body, incident);
  assert.deepEqual(backend.calls, [{ name: "incidents.get", args: [agentId, null] }]);
});

Deno.test("POST /incidents/<id>/acknowledge says who acknowledges it, and is a line in the log", async () => {
  const backend = await testBackend();
  const { status, body } = await ask(endpoint, backend, {
    method: "POST",
    rest: `/${agentId}/acknowledge`,
    headers,
  });
  assert.deepEqual([status, body], [200, incident]);
  assert.deepEqual(backend.calls, [{
    name: "incidents.acknowledge",
    args: [agentId, { ownerId: null, act }],
  }]);
  assert.ok(backend.lines.some((line) => line.includes('"event":"incident acknowledged"')));
});

Deno.test("a user sees and acknowledges the incidents that they own", async () => {
  const backend = await testBackend();
  backend.operators = await operatorsWithUsers();
  const authorized = { headers: await userAuthorization() };
  await ask(endpoint, backend, authorized);
  await ask(endpoint, backend, { ...authorized, rest: `/${agentId}` });
  await ask(endpoint, backend, { ...authorized, rest: `/${agentId}/acknowledge`, method: "POST" });
  assert.deepEqual(backend.calls.map(({ args }) => args), [
    [userId, { state: null, page: first }],
    [agentId, userId],
    [agentId, { ownerId: userId, act: { ...act, actor: `user:${userId}` } }],
  ]);
});
