import assert from "node:assert/strict";
import { endpoint } from "../../supabase/functions/notify/handler.ts";
import { agentId, ask, operatorKey, testBackend } from "../_support/backend.ts";
import { assertError, text } from "../_support/client.ts";
import { readerKey } from "../_support/vectors.ts";
import { operatorsWithUsers, userAuthorization, userId } from "./_users.ts";

const incident = {
  id: agentId,
  kind: "offline",
  opened_at: "2026-11-23T11:00:00Z",
  closed_at: null,
  agents_count: 1,
  agents: [{ id: agentId, name: "web-1" }],
  labels: {},
  reason: null,
  changes_count: 0,
};
const settings = { url: "https://hooks.slack.com/services/x" };
const channel = { id: agentId, name: "ops", kind: "slack", settings };
const delivery = { id: agentId, type: "opened", attempt: 1, incident, channel };

for (const apikey of [operatorKey, readerKey]) {
  Deno.test(`POST /notify with ${apikey.slice(0, 4)}… is a tick, sends what waits, and records it`, async () => {
    const waiting = [[delivery]];
    const backend = await testBackend({
      deliveries: { claim: () => Promise.resolve(waiting.shift() ?? []) },
    });
    const reply = await ask(endpoint, backend, { method: "POST", headers: { apikey } });
    assert.deepEqual([reply.status, reply.body], [200, { ok: true }]);
    assert.equal(backend.posts.length, 1);
    const names = backend.calls.map(({ name }) => name).filter((name) => !name.startsWith("readerKeys"));
    assert.deepEqual(
      names.slice(0, 2),
      ["incidents.tick", "deliveries.claim"],
      "what it finds is sent at once",
    );
    assert.deepEqual(backend.calls.find(({ name }) => name === "incidents.tick")?.args, [60]);
    const recorded = backend.calls.filter(({ name }) => name === "deliveries.record");
    assert.deepEqual(recorded.map(({ args }) => args), [[
      { id: agentId, attempt: 1, outcome: "delivered", answer: "200 ok", retryAfterSeconds: 0 },
    ]]);
  });
}

Deno.test("POST /notify with every_seconds says how often it comes, and what it finds is in the log", async () => {
  const incidents = [{ id: agentId, owner_id: null, kind: "offline", agents_count: 40, change: "opened" }];
  const backend = await testBackend({
    incidents: { tick: () => Promise.resolve({ gap: null, agents: null, incidents }) },
  });
  const body = JSON.stringify({ every_seconds: 10 });
  const reply = await ask(endpoint, backend, { method: "POST", headers: { apikey: operatorKey }, body });
  assert.equal(reply.status, 200);
  assert.deepEqual(backend.calls[0], { name: "incidents.tick", args: [10] });
  assert.match(backend.lines.join("\n"), /"warn".*"incident opened".*"agents_count":40/);
});

for (const every of [4, 3601, 5.5, "10", null]) {
  Deno.test(`POST /notify every ${JSON.stringify(every)} s → invalid_request, and no call`, async () => {
    const backend = await testBackend();
    const body = JSON.stringify({ every_seconds: every });
    const reply = await ask(endpoint, backend, { method: "POST", headers: { apikey: operatorKey }, body });
    assertError(reply, "invalid_request", 400);
    assert.ok(text(reply.body.error_description).includes('"every_seconds"'));
    assert.deepEqual(backend.calls, []);
  });
}

Deno.test("POST /notify of a user, or with a user's reader's key, sends what waits: the fleet's ticks are not theirs", async () => {
  const made = { id: agentId, owner_id: userId, name: "a dashboard", created_at: "2026-11-23T11:00:00Z" };
  const backend = await testBackend({ readerKeys: { find: () => Promise.resolve(made) } });
  backend.operators = await operatorsWithUsers();
  for (const headers of [await userAuthorization(), { apikey: readerKey }]) {
    assert.equal((await ask(endpoint, backend, { method: "POST", headers })).status, 200);
  }
  const names = backend.calls.map(({ name }) => name).filter((name) => !name.startsWith("readerKeys"));
  assert.deepEqual(names, ["deliveries.claim", "deliveries.claim"]);
});
