import assert from "node:assert/strict";
import { endpoint } from "../../supabase/functions/agents/routes.ts";
import { agent, agentId, ask, now, operatorKey, testBackend } from "../_support/backend.ts";
import { assertError, text } from "../_support/client.ts";
import { operatorsWithUsers, userAuthorization, userId } from "./_users.ts";

const apikey = { apikey: operatorKey };
const one = `/${agentId}`;

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

const acts = [
  { path: "revoke", call: "revoke", event: "agent revoked" },
  { path: "restore", call: "restore", event: "agent restored" },
  { path: "end-sessions", call: "endSessions", event: "agent's sessions ended" },
] as const;

for (const { path, call, event } of acts) {
  const after = { ...agent, liveness: "revoked", revoked_at: now.toISOString() };
  const fakes = { agents: { [call]: () => Promise.resolve(after) } };
  const init = { method: "POST", rest: `${one}/${path}`, headers: apikey };

  Deno.test(`POST /agents/<id>/${path} answers the Agent after it, the second time, too`, async () => {
    const backend = await testBackend(fakes);
    const reply = await ask(endpoint, backend, init);
    assert.equal(reply.status, 200);
    assert.deepEqual(reply.body, after);
    assert.deepEqual((await ask(endpoint, backend, init)).body, after);
    const args = [agentId, { ownerId: null, act: { actor: "key:default", address: "192.0.2.1" } }];
    assert.deepEqual(backend.calls, Array.from({ length: 2 }, () => ({ name: `agents.${call}`, args })));
  });

  Deno.test(`a user's POST /agents/<id>/${path} is for the rows that they own, and names who did it`, async () => {
    const backend = await testBackend();
    backend.operators = await operatorsWithUsers();
    await ask(endpoint, backend, { ...init, headers: await userAuthorization() });
    const args = [agentId, { ownerId: userId, act: { actor: `user:${userId}`, address: "192.0.2.1" } }];
    assert.deepEqual(backend.calls, [{ name: `agents.${call}`, args }]);
  });

  Deno.test(`POST /agents/<id>/${path} is one line in the log: "${event}", which, and by whom`, async () => {
    const backend = await testBackend(fakes);
    await ask(endpoint, backend, { ...init, headers: { ...apikey, "x-request-id": "act-1" } });
    assertLine(backend.lines, { event, agent_id: agentId, actor: "key:default", request_id: "act-1" });
  });
}

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

const edits: [name: string, json: string, changes: Record<string, unknown>][] = [
  ["a name", '{"name":"edge 2"}', { name: "edge 2" }],
  ["labels as a whole", '{"labels":{"zone":"b"}}', { labels: { zone: "b" } }],
  ["no labels at all", '{"labels":{}}', { labels: {} }],
  ["an interval", '{"heartbeat_interval_seconds":30}', { heartbeat_interval_seconds: 30 }],
  ["a deadline", '{"progress_deadline_seconds":600}', { progress_deadline_seconds: 600 }],
  ["no deadline any more", '{"progress_deadline_seconds":null}', { progress_deadline_seconds: null }],
  ["a time until which it is muted", '{"muted_until":"2026-11-24T00:00:00Z"}', {
    muted_until: "2026-11-24T00:00:00.000Z",
  }],
  ["no mute any more", '{"muted_until":null}', { muted_until: null }],
  ["a name beside what nobody may edit", '{"name":"edge 2","owner_id":null,"revoked_at":null,"id":"x"}', {
    name: "edge 2",
  }],
];

for (const [name, body, changes] of edits) {
  Deno.test(`PATCH /agents/<id> with ${name} changes that, and nothing else`, async () => {
    const backend = await testBackend();
    const reply = await ask(endpoint, backend, { method: "PATCH", rest: one, headers: apikey, body });
    assert.equal(reply.status, 200, JSON.stringify(reply.body));
    const by = { ownerId: null, act: { actor: "key:default", address: "192.0.2.1" } };
    assert.deepEqual(backend.calls, [{ name: "agents.edit", args: [agentId, { ...by, changes }] }]);
    assertLine(backend.lines, {
      event: "agent edited",
      agent_id: agentId,
      actor: "key:default",
      request_id: reply.headers.get("x-request-id"),
    });
  });
}

const badEdits: [name: string, json: string, wanted: RegExp][] = [
  ["no field", "{}", /names nothing to change/],
  ["a mistyped field alone", '{"mute_until":null}', /names nothing to change/],
  ["a null name", '{"name":null}', /"name"/],
  ["a name of white space", '{"name":" "}', /"name"/],
  ["null labels", '{"labels":null}', /"labels"/],
  ["a label that is a number", '{"labels":{"a":1}}', /"labels\.a"/],
  ["a null interval", '{"heartbeat_interval_seconds":null}', /"heartbeat_interval_seconds"/],
  ["an interval of 4 s", '{"heartbeat_interval_seconds":4}', /"heartbeat_interval_seconds"/],
  ["a deadline of 9 s", '{"progress_deadline_seconds":9}', /"progress_deadline_seconds"/],
  ["a mute until some day", '{"muted_until":"tomorrow"}', /"muted_until"/],
  ["a mute until a number", '{"muted_until":1}', /"muted_until"/],
  [
    "a sound name beside an unsound interval",
    '{"name":"a","heartbeat_interval_seconds":0}',
    /heartbeat_interval/,
  ],
];

for (const [name, body, wanted] of badEdits) {
  Deno.test(`PATCH /agents/<id> with ${name} → invalid_request that says so, and no change`, async () => {
    const backend = await testBackend();
    const reply = await ask(endpoint, backend, { method: "PATCH", rest: one, headers: apikey, body });
    assertError(reply, "invalid_request", 400);
    assert.match(text(reply.body.error_description), wanted);
    assert.deepEqual(backend.calls, []);
  });
}

Deno.test("DELETE /agents/<id>?name= answers what the agent was, and is one line in the log", async () => {
  const backend = await testBackend();
  const headers = { ...apikey, "x-request-id": "end-1" };
  const reply = await ask(endpoint, backend, { method: "DELETE", rest: `${one}?name=edge+1`, headers });
  assert.deepEqual([reply.status, reply.body], [200, agent]);
  const by = { ownerId: null, act: { actor: "key:default", address: "192.0.2.1" } };
  assert.deepEqual(backend.calls, [{ name: "agents.delete", args: [agentId, { ...by, name: "edge 1" }] }]);
  assertLine(backend.lines, {
    event: "agent deleted",
    agent_id: agentId,
    actor: "key:default",
    request_id: "end-1",
  });
});

for (const query of ["", "?", "?Name=edge+1", "?name=", `?name=${"a".repeat(101)}`, "?name=%00"]) {
  Deno.test(`DELETE /agents/<id>${query.slice(0, 20)} → invalid_request naming name, and no call`, async () => {
    const backend = await testBackend();
    const reply = await ask(endpoint, backend, { method: "DELETE", rest: `${one}${query}`, headers: apikey });
    assertError(reply, "invalid_request", 400);
    assert.match(text(reply.body.error_description), /"name"/);
    assert.deepEqual(backend.calls, []);
  });
}

Deno.test("DELETE /agents/<id> with another name → conflict, and no line of an act", async () => {
  const backend = await testBackend({ agents: { delete: () => Promise.resolve("other_name" as const) } });
  const reply = await ask(endpoint, backend, { method: "DELETE", rest: `${one}?name=x`, headers: apikey });
  assertError(reply, "conflict", 409);
  assert.ok(backend.lines.every((line) => !line.includes('"event":"agent')), backend.lines.join("\n"));
});

/** The first line of the log, at the level of acts. */
function assertLine([line = ""]: string[], wanted: Record<string, unknown>): void {
  const { time: _, ...act }: Record<string, unknown> = JSON.parse(line);
  assert.deepEqual(act, { level: "info", ...wanted });
}
