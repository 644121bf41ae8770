import assert from "node:assert/strict";
import { endpoint } from "../../supabase/functions/agents/routes.ts";
import { agentHistory, agentId, ask, now, operatorKey, testBackend } from "../_support/backend.ts";
import { assertError, text } from "../_support/client.ts";
import { operatorsWithUsers, userAuthorization, userId } from "./_users.ts";

const headers = { apikey: operatorKey };
const rest = `/${agentId}/history`;
const dayBefore = new Date(now.getTime() - 24 * 60 * 60 * 1000);

Deno.test("GET /agents/<id>/history answers the last day in quarters of an hour", async () => {
  const backend = await testBackend();
  const { status, body } = await ask(endpoint, backend, { rest, headers });
  assert.equal(status, 200);
  assert.deepEqual(body, agentHistory);
  const query = { from: dayBefore, to: now, stepSeconds: 900 };
  assert.deepEqual(backend.calls, [{ name: "history.read", args: [agentId, null, query] }]);
});

Deno.test("a user's GET /agents/<id>/history asks for an agent that they own", async () => {
  const backend = await testBackend();
  backend.operators = await operatorsWithUsers();
  await ask(endpoint, backend, { rest, headers: await userAuthorization() });
  assert.deepEqual(backend.calls.map(({ args }) => args[1]), [userId]);
});

Deno.test("GET /agents/<id>/history of an agent that the caller cannot see → not_found", async () => {
  const backend = await testBackend({ history: { read: () => Promise.resolve(null) } });
  assertError(await ask(endpoint, backend, { rest, headers }), "not_found", 404);
});

Deno.test("GET /agents/<id>/history takes a time and a step, up to 1,500 buckets", async () => {
  const backend = await testBackend();
  const query = "from=2026-11-22T10:00:30Z&to=2026-11-23T11:00:00.000Z&step=60";
  assert.equal((await ask(endpoint, backend, { rest: `${rest}?${query}`, headers })).status, 200);
  assert.deepEqual(backend.calls[0]?.args[2], {
    from: new Date("2026-11-22T10:00:30Z"),
    to: new Date("2026-11-23T11:00:00Z"),
    stepSeconds: 60,
  });
});

Deno.test("GET /agents/<id>/history of the first day of all begins with it", async () => {
  const backend = await testBackend();
  const query = "to=0001-01-01T12:00:00Z";
  assert.equal((await ask(endpoint, backend, { rest: `${rest}?${query}`, headers })).status, 200);
  assert.deepEqual(backend.calls[0]?.args[2], {
    from: new Date("0001-01-01T00:00:00Z"),
    to: new Date("0001-01-01T12:00:00Z"),
    stepSeconds: 900,
  });
});

const bad: [query: string, field: string][] = [
  ["step=61", "step"],
  ["step=", "step"],
  ["step=900.0", "step"],
  ["from=yesterday", "from"],
  ["from=2026-02-30T00:00:00Z", "from"],
  ["to=2026-11-23", "to"],
  ["to=", "to"],
  ["from=2026-11-23T12:00:00Z&to=2026-11-23T12:00:00Z", "from"],
  ["from=2026-11-24T12:00:00Z", "from"],
  ["from=2026-11-22T10:59:59Z&to=2026-11-23T12:00:00Z&step=60", "step"],
  ["from=0001-01-01T00:00:00Z&to=9999-12-31T00:00:00Z&step=86400", "step"],
];
for (const [query, field] of bad) {
  Deno.test(`GET /agents/<id>/history with ${query} → invalid_request naming ${field}, and no call`, async () => {
    const backend = await testBackend();
    const reply = await ask(endpoint, backend, { rest: `${rest}?${query}`, headers });
    assertError(reply, "invalid_request", 400);
    assert.ok(text(reply.body.error_description).includes(`"${field}"`));
    assert.deepEqual(backend.calls, []);
  });
}
