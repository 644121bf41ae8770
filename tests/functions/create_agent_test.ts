import assert from "node:assert/strict";
import { incomingOf } from "../../supabase/functions/_shared/http/web.ts";
import { respond } from "../../supabase/functions/_shared/http/endpoint.ts";
import { endpoint } from "../../supabase/functions/create-agent/handler.ts";
import { agent, agentId, ask, operatorKey, secret, testBackend } from "../_support/backend.ts";
import { assertError, type Reply, text } from "../_support/client.ts";
import { operatorsWithUsers, strangerId, userAuthorization, userId } from "./_users.ts";
import { agentSecretDigest as digest } from "../_support/vectors.ts";

const apikey = { apikey: operatorKey };
/** What the database is told of an agent that has a name alone. */
const plain = {
  name: "edge 1",
  labels: {},
  heartbeatIntervalSeconds: 60,
  progressDeadlineSeconds: null,
  ownerId: null,
  ownerLimit: null,
  secretDigest: digest,
  act: { actor: "key:default", address: "192.0.2.1" },
};

function post(fields: unknown, headers: Record<string, string> = apikey): RequestInit {
  return { method: "POST", headers, body: typeof fields === "string" ? fields : JSON.stringify(fields) };
}

Deno.test("POST /create-agent answers 201 with the agent and its secret, exactly as the contract shows it", async () => {
  const reply = await ask(endpoint, await testBackend(), post({ name: "edge 1" }));
  assert.equal(reply.status, 201);
  assert.deepEqual(reply.body, { agent, agent_secret: secret });
});

Deno.test("POST /create-agent ends its reply with a line feed, for people who read it from curl", async () => {
  const backend = await testBackend();
  const where = { subpath: "", socketAddress: "192.0.2.1" };
  for (const fields of [{ name: "edge 1" }, { name: "edge 1", installer: "bash" }]) {
    const request = new Request("https://fleet.example/functions/v1/create-agent", post(fields));
    const reply = await respond(endpoint, incomingOf(request), backend, where);
    assert.match(String(reply.body), /^\{.*\}\n$/);
    assert.equal(reply.headers["content-type"], "application/json");
  }
  backend.log.flush();
});

Deno.test("POST /create-agent gives the database a digest, never the secret", async () => {
  const backend = await testBackend();
  await ask(endpoint, backend, post({ name: "edge 1" }));
  assert.deepEqual(backend.calls, [{ name: "agents.create", args: [plain] }]);
});

const many = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, "v"]));

const good: [name: string, fields: Record<string, unknown>, told: Record<string, unknown>][] = [
  ["a name of one character", { name: "a" }, { name: "a" }],
  ["a name of 100 characters", { name: "a".repeat(100) }, { name: "a".repeat(100) }],
  ["a name of 100 emoji", { name: "🦊".repeat(100) }, { name: "🦊".repeat(100) }],
  ["a name with markup, which is the reader's to escape", { name: "<b>'; --" }, { name: "<b>'; --" }],
  ["empty labels", { labels: {} }, {}],
  ["labels", { labels: { region: "eu", "a.b-c_9": "" } }, { labels: { region: "eu", "a.b-c_9": "" } }],
  ["32 labels", { labels: many(32) }, { labels: many(32) }],
  ["an interval of 5 s", { heartbeat_interval_seconds: 5 }, { heartbeatIntervalSeconds: 5 }],
  ["an interval of a day", { heartbeat_interval_seconds: 86_400 }, { heartbeatIntervalSeconds: 86_400 }],
  ["a deadline of 10 s", { progress_deadline_seconds: 10 }, { progressDeadlineSeconds: 10 }],
  ["a deadline of a week", { progress_deadline_seconds: 604_800 }, { progressDeadlineSeconds: 604_800 }],
  ["a deadline of null", { progress_deadline_seconds: null }, {}],
  ["an owner", { owner_id: userId }, { ownerId: userId }],
  ["an owner in upper case", { owner_id: userId.toUpperCase() }, { ownerId: userId }],
  ["fields that nobody knows", { id: strangerId, agent_secret: "mine", epoch: 9 }, {}],
];

for (const [name, fields, told] of good) {
  Deno.test(`POST /create-agent takes ${name}`, async () => {
    const backend = await testBackend();
    const reply = await ask(endpoint, backend, post({ name: "edge 1", ...fields }));
    assert.equal(reply.status, 201, JSON.stringify(reply.body));
    assert.deepEqual(backend.calls[0]?.args, [{ ...plain, ...told }]);
  });
}

Deno.test("POST /create-agent takes a label named __proto__, and hands it to the database", async () => {
  const backend = await testBackend();
  const reply = await ask(endpoint, backend, post('{"name":"edge 1","labels":{"__proto__":"mine"}}'));
  assert.equal(reply.status, 201);
  assert.match(JSON.stringify(backend.calls), /"labels":\{"__proto__":"mine"\}/);
});

const bad: [name: string, fields: Record<string, unknown>, field: string][] = [
  ["no name", { name: undefined }, "name"],
  ["a null name", { name: null }, "name"],
  ["an empty name", { name: "" }, "name"],
  ["a name that is a number", { name: 1 }, "name"],
  ["a name that is a list", { name: ["edge"] }, "name"],
  ["a name of 101 characters", { name: "a".repeat(101) }, "name"],
  ["a name of 101 emoji", { name: "🦊".repeat(101) }, "name"],
  ["a name with a NUL", { name: "a\0" }, "name"],
  ["a name with a newline", { name: "a\nb" }, "name"],
  ["a name with an escape", { name: "\u001b[31m" }, "name"],
  ["a name with DEL", { name: "a\u007f" }, "name"],
  ["a name with C1", { name: "a\u0085" }, "name"],
  ["a name of white space", { name: " \u00a0\u3000" }, "name"],
  ["a name with a right-to-left mark", { name: "a\u200f" }, "name"],
  ["a name with an override of the direction", { name: "a\u202etxt" }, "name"],
  ["a name with an isolate", { name: "a\u2066b\u2069" }, "name"],
  ["a name with an Arabic letter mark", { name: "a\u061cb" }, "name"],
  ["a name with a line separator", { name: "a\u2028b" }, "name"],
  ["a name with a paragraph separator", { name: "a\u2029b" }, "name"],
  ["null labels", { labels: null }, "labels"],
  ["labels that are a list", { labels: ["a"] }, "labels"],
  ["33 labels", { labels: many(33) }, "labels"],
  [
    "5,000 labels",
    { labels: Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`${i}`, ""])) },
    "labels",
  ],
  ["a label that is a number", { labels: { a: 1 } }, "labels.a"],
  ["a null label", { labels: { a: null } }, "labels.a"],
  ["a label of 256 characters", { labels: { a: "a".repeat(256) } }, "labels.a"],
  ["a label with a newline", { labels: { a: "a\nb" } }, "labels.a"],
  ["an empty label key", { labels: { "": "a" } }, "labels"],
  ["a label key of 64 characters", { labels: { ["a".repeat(64)]: "a" } }, "labels"],
  ["an uppercase label key", { labels: { Region: "a" } }, "labels"],
  ["a null interval", { heartbeat_interval_seconds: null }, "heartbeat_interval_seconds"],
  ["an interval of 4 s", { heartbeat_interval_seconds: 4 }, "heartbeat_interval_seconds"],
  ["an interval of 86,401 s", { heartbeat_interval_seconds: 86_401 }, "heartbeat_interval_seconds"],
  ["an interval of 5.5 s", { heartbeat_interval_seconds: 5.5 }, "heartbeat_interval_seconds"],
  ["an interval in a text", { heartbeat_interval_seconds: "60" }, "heartbeat_interval_seconds"],
  ["an interval of true", { heartbeat_interval_seconds: true }, "heartbeat_interval_seconds"],
  ["a deadline of 9 s", { progress_deadline_seconds: 9 }, "progress_deadline_seconds"],
  ["a deadline of a week and a second", { progress_deadline_seconds: 604_801 }, "progress_deadline_seconds"],
  ["a deadline in a text", { progress_deadline_seconds: "60" }, "progress_deadline_seconds"],
  ["a null owner_id", { owner_id: null }, "owner_id"],
  ["an owner_id that is no uuid", { owner_id: "me" }, "owner_id"],
  ["a null installer", { installer: null }, "installer"],
  ["an installer that nobody knows", { installer: "zsh" }, "installer"],
  ["an installer in upper case", { installer: "BASH" }, "installer"],
  ["installers in a list", { installer: ["bash"] }, "installer"],
];

for (const [name, fields, field] of bad) {
  Deno.test(`POST /create-agent with ${name} → invalid_request naming ${field}, and no agent`, async () => {
    const backend = await testBackend();
    assertBadField(await ask(endpoint, backend, post({ name: "edge 1", ...fields })), field);
    assert.deepEqual(backend.calls, []);
  });
}

for (const surrogate of ["\\ud83e", "\\udd8a"]) {
  Deno.test(`POST /create-agent with the lone surrogate ${surrogate} in its name → invalid_request`, async () => {
    const backend = await testBackend();
    assertBadField(await ask(endpoint, backend, post(`{"name":"a${surrogate}b"}`)), "name");
    assert.deepEqual(backend.calls, []);
  });
}

Deno.test("an owner whom nobody knows → invalid_request naming owner_id", async () => {
  const backend = await testBackend({ agents: { create: () => Promise.resolve("owner_unknown") } });
  assertBadField(await ask(endpoint, backend, post({ name: "a", owner_id: strangerId })), "owner_id");
});

for (const own of [undefined, userId, userId.toUpperCase()]) {
  Deno.test(`a user makes an agent of their own, with ${own === undefined ? "no" : `the`} owner_id ${own ?? ""}`, async () => {
    const backend = await testBackend();
    backend.operators = await operatorsWithUsers();
    const reply = await ask(
      endpoint,
      backend,
      post({ name: "edge 1", owner_id: own }, await userAuthorization()),
    );
    assert.equal(reply.status, 201);
    const told = {
      ...plain,
      ownerId: userId,
      ownerLimit: 1000,
      act: { ...plain.act, actor: `user:${userId}` },
    };
    assert.deepEqual(backend.calls, [{ name: "agents.create", args: [told] }]);
  });
}

Deno.test("a user makes no agent for somebody else → forbidden, and no agent", async () => {
  const backend = await testBackend();
  backend.operators = await operatorsWithUsers();
  const init = post({ name: "a", owner_id: strangerId }, await userAuthorization());
  assertError(await ask(endpoint, backend, init), "forbidden", 403);
  assert.deepEqual(backend.calls, []);
});

Deno.test("a user with as many agents as may be → conflict that names the limit", async () => {
  const limited = await testBackend({ agents: { create: () => Promise.resolve("owner_limit") } });
  const backend = { ...limited, operators: await operatorsWithUsers(), agentLimitPerOwner: 3 };
  const reply = await ask(endpoint, backend, post({ name: "a" }, await userAuthorization()));
  assertError(reply, "conflict", 409);
  assert.match(text(reply.body.error_description), /at most 3/);
  assert.equal(reply.body.agent_secret, undefined);
});

Deno.test("a user who is gone → operator_required", async () => {
  const backend = await testBackend({ agents: { create: () => Promise.resolve("owner_unknown") } });
  backend.operators = await operatorsWithUsers();
  const reply = await ask(endpoint, backend, post({ name: "a" }, await userAuthorization()));
  assertError(reply, "operator_required", 401);
});

Deno.test("after 20 wrong keys → rate_limited; the right key is not turned away", async () => {
  const backend = await testBackend();
  const wrong = post({ name: "a" }, { apikey: "sb_secret_wrong" });
  for (let index = 0; index < 20; index++) {
    assertError(await ask(endpoint, backend, wrong), "operator_required", 401);
  }
  const reply = await ask(endpoint, backend, wrong);
  assertError(reply, "rate_limited", 429);
  assert.match(reply.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
  assert.deepEqual(backend.calls, []);
  assert.equal((await ask(endpoint, backend, post({ name: "a" }))).status, 201);
});

Deno.test("an enrolment is one line in the log: who made which agent, and no secret", async () => {
  const backend = await testBackend();
  const headers = { ...apikey, "x-request-id": "enrolment-1" };
  await ask(endpoint, backend, post({ name: "edge 1" }, headers));
  const [line = ""] = backend.lines;
  const { time: _, ...act }: Record<string, unknown> = JSON.parse(line);
  assert.deepEqual(act, {
    level: "info",
    event: "agent created",
    agent_id: agentId,
    actor: "key:default",
    request_id: "enrolment-1",
  });
});

function assertBadField(reply: Reply, field: string): void {
  assertError(reply, "invalid_request", 400);
  assert.ok(text(reply.body.error_description).includes(`"${field}" `), text(reply.body.error_description));
}
