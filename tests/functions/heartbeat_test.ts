import assert from "node:assert/strict";
import { endpoint } from "../../supabase/functions/heartbeat/handler.ts";
import { agent, agentId, ask, now, type TestBackend, testBackend } from "../_support/backend.ts";
import { assertError, type Reply, text } from "../_support/client.ts";
import { forge } from "./_tokens.ts";
import { strangerId } from "./_users.ts";

/** What the database is told of a beat that says nothing. */
const plain = {
  agentId,
  epoch: 1,
  status: "healthy",
  message: null,
  metrics: {},
  instanceId: null,
  seq: null,
  clockOffsetSeconds: null,
  work: null,
  backInSeconds: null,
};
const instance = "3d1c7a52-8a3e-4a43-9d7e-2f1f0f9f7a01";

async function beat(backend: TestBackend, fields: unknown): Promise<Reply> {
  const headers = { authorization: `Bearer ${await forge()}` };
  const body = typeof fields === "string" ? fields : JSON.stringify(fields);
  return await ask(endpoint, backend, { method: "POST", headers, body });
}

Deno.test("POST /heartbeat answers exactly as the contract shows it", async () => {
  const reply = await beat(await testBackend(), {});
  assert.equal(reply.status, 200);
  assert.deepEqual(reply.body, {
    ok: true,
    next_heartbeat_in: 60,
    heartbeat_interval_seconds: 60,
    server_time: now.toISOString(),
  });
});

Deno.test("POST /heartbeat is one call of the database: nothing is read before it", async () => {
  const backend = await testBackend();
  await beat(backend, {});
  assert.deepEqual(backend.calls, [{ name: "heartbeats.record", args: [[plain]] }]);
});

Deno.test("one of 1,000 beats keeps the history after its reply: where nothing is scheduled, nothing else would", async () => {
  const backend = await testBackend();
  backend.historyDays = 7;
  for (const random of [0.001, 0.0009]) {
    backend.random = () => random;
    assert.equal((await beat(backend, {})).status, 200);
  }
  const kept = backend.calls.filter(({ name }) => name === "history.keep");
  assert.deepEqual(kept, [{ name: "history.keep", args: [7] }]);
});

Deno.test("a beat whose history cannot be kept is answered all the same", async () => {
  const backend = await testBackend({ history: { keep: () => Promise.reject(new Error("disk full")) } });
  backend.random = () => 0;
  assert.equal((await beat(backend, {})).status, 200);
});

Deno.test("GET /heartbeat answers exactly as the contract shows it, and records nothing", async () => {
  const backend = await testBackend({
    sessions: {
      read: () => Promise.resolve({ ...agent, liveness: "online", last_seen_at: now.toISOString() }),
    },
  });
  const headers = { authorization: `Bearer ${await forge({ claims: { epoch: 3 } })}` };
  const reply = await ask(endpoint, backend, { headers });
  assert.deepEqual(reply.body, {
    agent: {
      id: agentId,
      name: agent.name,
      liveness: "online",
      last_seen_at: now.toISOString(),
      heartbeat_interval_seconds: 60,
    },
    server_time: now.toISOString(),
  });
  assert.deepEqual(backend.calls, [{ name: "sessions.read", args: [agentId, 3] }]);
});

Deno.test("the next beat is promised for 0.9 to 1.1 of every interval there is", async () => {
  for (const interval of [5, 6, 7, 9, 10, 11, 30, 59, 60, 61, 70, 99, 3600, 86_399, 86_400]) {
    for (const random of [0, 0.3, 0.5, 1 - 2 ** -32]) {
      const recorded = [{ heartbeatIntervalSeconds: interval }];
      const backend = await testBackend({ heartbeats: { record: () => Promise.resolve(recorded) } });
      const { body } = await beat({ ...backend, random: () => random }, {});
      const next = Number(body.next_heartbeat_in);
      assert.ok(Number.isInteger(next), `${next} of ${interval}`);
      assert.ok(10 * next >= 9 * interval && 10 * next <= 11 * interval, `${next} of ${interval}`);
      assert.equal(body.heartbeat_interval_seconds, interval);
    }
  }
});

Deno.test("the promises for one interval spread over all of 0.9 to 1.1", async () => {
  const promised = new Set<unknown>();
  for (let step = 0; step < 100; step++) {
    const backend = { ...await testBackend(), random: () => step / 100 };
    promised.add((await beat(backend, {})).body.next_heartbeat_in);
  }
  assert.deepEqual([...promised], Array.from({ length: 13 }, (_, index) => 54 + index));
});

for (const scheme of ["bearer", "BEARER", "BeArEr", "Bearer "]) {
  Deno.test(`POST /heartbeat takes the scheme "${scheme}"`, async () => {
    const headers = { authorization: `${scheme} ${await forge()}` };
    const reply = await ask(endpoint, await testBackend(), { method: "POST", headers });
    assert.equal(reply.status, 200);
  });
}

Deno.test("a session is never rate limited: 100 ended sessions, 100 refusals of the same kind", async () => {
  const backend = await testBackend({ heartbeats: { record: () => Promise.resolve([null]) } });
  for (let index = 0; index < 100; index++) assertError(await beat(backend, {}), "session_revoked", 401);
});

const good: [name: string, json: string, recorded: Record<string, unknown>][] = [
  ["nothing", "", {}],
  ["an empty object", "{}", {}],
  ["the status healthy", '{"status":"healthy"}', {}],
  ["the status degraded", '{"status":"degraded"}', { status: "degraded" }],
  ["the status unhealthy", '{"status":"unhealthy"}', { status: "unhealthy" }],
  ["the status stopping", '{"status":"stopping"}', { status: "stopping" }],
  ["an empty message", '{"message":""}', { message: "" }],
  ["a message with newlines", '{"message":"a\\nb\\n"}', { message: "a\nb\n" }],
  ["a message of 500 characters", `{"message":"${"a".repeat(500)}"}`, { message: "a".repeat(500) }],
  ["a message of 500 emoji", `{"message":"${"🦊".repeat(500)}"}`, { message: "🦊".repeat(500) }],
  ["an escaped emoji", '{"message":"\\ud83e\\udd8a"}', { message: "🦊" }],
  ["empty metrics", '{"metrics":{}}', { metrics: {} }],
  ["metrics", '{"metrics":{"cpu_percent":1.5,"load_1m":0}}', { metrics: { cpu_percent: 1.5, load_1m: 0 } }],
  ["a metric that nobody knows", '{"metrics":{"queue":-3e5}}', { metrics: { queue: -300_000 } }],
  ["seq 0", '{"seq":0}', { seq: 0 }],
  ["the greatest seq", '{"seq":9007199254740991}', { seq: Number.MAX_SAFE_INTEGER }],
  ["seq 1.0, which is whole", '{"seq":1.0}', { seq: 1 }],
  ["an instance_id", `{"instance_id":"${instance}"}`, { instanceId: instance }],
  ["an uppercase instance_id", `{"instance_id":"${instance.toUpperCase()}"}`, { instanceId: instance }],
  ["sent_at", '{"sent_at":"2026-11-23T12:00:02.4Z"}', { clockOffsetSeconds: 2 }],
  [
    "sent_at of a wrong clock",
    '{"sent_at":"1970-01-01T00:00:00.5Z"}',
    { clockOffsetSeconds: -1_795_435_199 },
  ],
  [
    "sent_at of a clock that is off by more than a row can tell",
    '{"sent_at":"9999-01-01T00:00:00Z"}',
    { clockOffsetSeconds: 2 ** 31 - 1 },
  ],
  ["its own agent_id", `{"agent_id":"${agentId}"}`, {}],
  ["its own agent_id in upper case", `{"agent_id":"${agentId.toUpperCase()}"}`, {}],
  ["work", '{"work":{"busy":true,"progress":12}}', { work: { busy: true, progress: 12 } }],
  ["work of which nothing is said: it is busy", '{"work":{}}', { work: { busy: true, progress: null } }],
  ["no work now", '{"work":{"busy":false}}', { work: { busy: false, progress: null } }],
  ["work in fields that nobody knows", '{"work":{"queue":"x","progress":0}}', {
    work: { busy: true, progress: 0 },
  }],
  ["the least progress", `{"work":{"progress":${Number.MIN_SAFE_INTEGER}}}`, {
    work: { busy: true, progress: Number.MIN_SAFE_INTEGER },
  }],
  ["the greatest progress", `{"work":{"progress":${Number.MAX_SAFE_INTEGER}}}`, {
    work: { busy: true, progress: Number.MAX_SAFE_INTEGER },
  }],
  ["a stop for a second", '{"status":"stopping","back_in_seconds":1}', {
    status: "stopping",
    backInSeconds: 1,
  }],
  ["a stop for a week", '{"status":"stopping","back_in_seconds":604800}', {
    status: "stopping",
    backInSeconds: 604_800,
  }],
  ["fields that nobody knows", '{"epoch":9,"last_seen_at":"2030-01-01","directives":null}', {}],
];

for (const [name, json, recorded] of good) {
  Deno.test(`POST /heartbeat takes ${name}`, async () => {
    const backend = await testBackend();
    const reply = await beat(backend, json);
    assert.equal(reply.status, 200, JSON.stringify(reply.body));
    assert.deepEqual(backend.calls[0]?.args, [[{ ...plain, ...recorded }]]);
  });
}

const manyKeys = JSON.stringify(
  Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`k${index}`, 1])),
);
const bad: [name: string, json: string, field: string][] = [
  ["a null status", '{"status":null}', "status"],
  ["an unknown status", '{"status":"fine"}', "status"],
  ["an uppercase status", '{"status":"HEALTHY"}', "status"],
  ["a status that is a list", '{"status":["healthy"]}', "status"],
  ["a status that only liveness has", '{"status":"online"}', "status"],
  ["a null message", '{"message":null}', "message"],
  ["a message that is a number", '{"message":1}', "message"],
  ["a message of 501 characters", `{"message":"${"a".repeat(501)}"}`, "message"],
  ["a message of 501 emoji", `{"message":"${"🦊".repeat(501)}"}`, "message"],
  ["a message with a tab", '{"message":"a\\tb"}', "message"],
  ["a message with a carriage return", '{"message":"a\\r\\nb"}', "message"],
  ["a message with a NUL", '{"message":"\\u0000"}', "message"],
  ["a message with an escape", '{"message":"\\u001b[31m"}', "message"],
  ["a message with DEL", '{"message":"\\u007f"}', "message"],
  ["a message with C1", '{"message":"\\u009b"}', "message"],
  ["a message with a lone surrogate", '{"message":"\\ud83e"}', "message"],
  ["null metrics", '{"metrics":null}', "metrics"],
  ["metrics that are a list", '{"metrics":[1]}', "metrics"],
  ["5,000 metrics", `{"metrics":${manyKeys}}`, "metrics"],
  ["a metric of 1e999", '{"metrics":{"load_1m":1e999}}', "metrics.load_1m"],
  ["a metric that is NaN in a text", '{"metrics":{"load_1m":"NaN"}}', "metrics.load_1m"],
  ["a metric that is a number in a text", '{"metrics":{"load_1m":"1.5"}}', "metrics.load_1m"],
  ["a null metric", '{"metrics":{"load_1m":null}}', "metrics.load_1m"],
  ["a metric with deep nesting", `{"metrics":{"a":${"[".repeat(10_000)}${"]".repeat(10_000)}}}`, "metrics.a"],
  ["a metric named __proto__", '{"metrics":{"__proto__":1}}', "metrics"],
  ["a metric with a capital", '{"metrics":{"Load":1}}', "metrics"],
  ["a null seq", '{"seq":null}', "seq"],
  ["seq -1", '{"seq":-1}', "seq"],
  ["seq 1.5", '{"seq":1.5}', "seq"],
  ["seq 2^53", '{"seq":9007199254740992}', "seq"],
  ["seq 1e999", '{"seq":1e999}', "seq"],
  ["seq as a text", '{"seq":"1"}', "seq"],
  ["a null instance_id", '{"instance_id":null}', "instance_id"],
  ["an instance_id that is no uuid", '{"instance_id":"1"}', "instance_id"],
  ["null work", '{"work":null}', "work"],
  ["work that is a list", '{"work":[]}', "work"],
  ["work that is a number", '{"work":7}', "work"],
  ["work that is busy in a text", '{"work":{"busy":"true"}}', "work.busy"],
  ["work that is busy or not, null", '{"work":{"busy":null}}', "work.busy"],
  ["work that is busy in a number", '{"work":{"busy":1}}', "work.busy"],
  ["null progress", '{"work":{"progress":null}}', "work.progress"],
  ["progress of a half", '{"work":{"progress":0.5}}', "work.progress"],
  ["progress of 2^53", '{"work":{"progress":9007199254740992}}', "work.progress"],
  ["progress of -2^53", '{"work":{"progress":-9007199254740992}}', "work.progress"],
  ["progress of 1e999", '{"work":{"progress":1e999}}', "work.progress"],
  ["progress in a text", '{"work":{"progress":"1"}}', "work.progress"],
  ["a stop for no time", '{"status":"stopping","back_in_seconds":0}', "back_in_seconds"],
  ["a stop for a week and a second", '{"status":"stopping","back_in_seconds":604801}', "back_in_seconds"],
  ["a stop for half a second", '{"status":"stopping","back_in_seconds":0.5}', "back_in_seconds"],
  ["a stop for a text", '{"status":"stopping","back_in_seconds":"120"}', "back_in_seconds"],
  ["a stop for null", '{"status":"stopping","back_in_seconds":null}', "back_in_seconds"],
  ["a stop for too long, though it does not stop", '{"back_in_seconds":604801}', "back_in_seconds"],
  ["a null sent_at", '{"sent_at":null}', "sent_at"],
  ["a sent_at in seconds", '{"sent_at":1790000000}', "sent_at"],
  ["a sent_at of another zone", '{"sent_at":"2026-11-23T12:00:00+02:00"}', "sent_at"],
  ["a sent_at without a zone", '{"sent_at":"2026-11-23T12:00:00"}', "sent_at"],
  ["a sent_at on February 30", '{"sent_at":"2026-02-30T12:00:00Z"}', "sent_at"],
  ["a null agent_id", '{"agent_id":null}', "agent_id"],
  ["an agent_id that is no uuid", '{"agent_id":"edge-1"}', "agent_id"],
  ["another agent's agent_id", `{"agent_id":"${strangerId}"}`, "agent_id"],
];

for (const [name, json, field] of bad) {
  Deno.test(`POST /heartbeat with ${name} → invalid_request naming ${field}, and no row changes`, async () => {
    const backend = await testBackend();
    const reply = await beat(backend, json);
    assertError(reply, "invalid_request", 400);
    assert.ok(text(reply.body.error_description).includes(`"${field}"`), text(reply.body.error_description));
    assert.deepEqual(backend.calls, []);
  });
}

Deno.test("a bad body with a bad token is answered for its token: strangers learn nothing of the body", async () => {
  const init = { method: "POST", headers: { authorization: "Bearer garbage" }, body: "no json" };
  assertError(await ask(endpoint, await testBackend(), init), "token_invalid", 401);
});

Deno.test("the token's own epoch goes to the database, whatever the body says", async () => {
  const backend = await testBackend();
  const headers = { authorization: `Bearer ${await forge({ claims: { epoch: 4 } })}` };
  await ask(endpoint, backend, { method: "POST", headers, body: '{"epoch":5}' });
  assert.deepEqual(backend.calls[0]?.args, [[{ ...plain, epoch: 4 }]]);
});
