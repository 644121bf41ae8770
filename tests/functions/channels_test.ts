import assert from "node:assert/strict";
import { endpoint } from "../../supabase/functions/channels/routes.ts";
import { agentId, ask, channel, now, operatorKey, testBackend } from "../_support/backend.ts";
import { assertError } from "../_support/client.ts";
import { assertPartly } from "../_support/partly.ts";
import { refused } from "./_hostile.ts";
import { resources } from "./_resources.ts";
import { operatorsWithUsers, userAuthorization, userId } from "./_users.ts";

const apikey = { apikey: operatorKey };
const settings = { url: "https://hooks.slack.com/services/secret" };
const body = JSON.stringify({ name: "ops", kind: "slack", settings });
const act = { actor: "key:default", address: "192.0.2.1" };
const shown = { ...channel, settings: { url: "https://hooks.slack.com" } };

Deno.test("POST /channels makes a channel, and shows nothing that is secret of it", async () => {
  const backend = await testBackend();
  const reply = await ask(endpoint, backend, { method: "POST", headers: apikey, body });
  assert.equal(reply.status, 201);
  assert.deepEqual(reply.body, { channel: shown });
  const made = {
    name: "ops",
    kind: "slack",
    settings,
    labels: {},
    kinds: null,
    after_seconds: 0,
    remind_after_seconds: null,
    enabled: true,
  };
  const args = [{ channel: made, ownerId: null, ownerLimit: null, act }];
  assert.deepEqual(backend.calls, [{ name: "channels.create", args }]);
  assert.ok(backend.lines.some((line) => line.includes('"event":"channel created"')));
  assert.ok(backend.lines.every((line) => !line.includes("secret")), backend.lines.join("\n"));
});

Deno.test("POST /channels keeps every rule that it is given", async () => {
  const backend = await testBackend();
  const rules = {
    labels: { site: "berlin" },
    kinds: ["offline", "stalled", "offline"],
    after_seconds: 86_400,
    remind_after_seconds: 300,
    enabled: false,
  };
  const given = JSON.stringify({ name: "ops", kind: "slack", settings, ...rules });
  assert.equal((await ask(endpoint, backend, { method: "POST", headers: apikey, body: given })).status, 201);
  assertPartly(backend.calls, [{ args: [{ channel: { ...rules, kinds: ["offline", "stalled"] } }] }]);
});

Deno.test("a webhook without a secret gets one, shown in this reply only", async () => {
  const url = "https://receiver.example/x";
  const webhook = { ...channel, kind: "webhook", settings: { url, secret: "whsec_kept" } };
  const backend = await testBackend({ channels: { create: () => Promise.resolve(webhook) } });
  const create = (given: Record<string, string>) =>
    ask(endpoint, backend, {
      method: "POST",
      headers: apikey,
      body: JSON.stringify({ name: "ops", kind: "webhook", settings: given }),
    });
  const { body } = await create({ url });
  const made = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
  assert.equal(body.signing_secret, made);
  assertPartly(backend.calls, [{ args: [{ channel: { settings: { url, secret: made } } }] }]);
  const own = await create({ url, secret: made });
  assert.ok(!JSON.stringify(own.body).includes("whsec_"));
});

Deno.test("a user's channel is the user's, and counts in the user's limit", async () => {
  const backend = await testBackend();
  backend.operators = await operatorsWithUsers();
  const headers = await userAuthorization();
  assert.equal((await ask(endpoint, backend, { method: "POST", headers, body })).status, 201);
  const expected = { ownerId: userId, ownerLimit: 50, act: { ...act, actor: `user:${userId}` } };
  assertPartly(backend.calls, [{ args: [expected] }]);
});

for (
  const [what, answer, expected] of [
    ["has as many channels as allowed", "owner_limit", ["conflict", 409]],
    ["no longer exists", "owner_unknown", ["operator_required", 401]],
  ] as const
) {
  Deno.test(`a user who ${what} → ${expected[0]}`, async () => {
    const backend = await testBackend({ channels: { create: () => Promise.resolve(answer) } });
    const reply = await ask(endpoint, backend, { method: "POST", headers: apikey, body });
    assertError(reply, expected[0], expected[1]);
  });
}

const mail = (to: string) => JSON.stringify({ name: "me", kind: "email", settings: { to } });

Deno.test("a user's mail goes to the user's own address, in any case", async () => {
  const backend = await testBackend();
  backend.operators = await operatorsWithUsers();
  const headers = await userAuthorization({ email: "me@example.com" });
  const reply = await ask(endpoint, backend, { method: "POST", headers, body: mail("Me@Example.com") });
  assert.equal(reply.status, 201);
});

for (
  const [what, claims] of [
    ["another address", { email: "other@example.com" }],
    ["no address", {}],
    ["an address that is no text", { email: ["me@example.com"] }],
  ] as const
) {
  Deno.test(`a user with ${what} cannot have mail sent to me@example.com, new or edited`, async () => {
    const email = { ...channel, kind: "email", settings: { to: "me@example.com" } };
    const backend = await testBackend({ channels: { find: () => Promise.resolve(email) } });
    backend.operators = await operatorsWithUsers();
    const headers = await userAuthorization(claims);
    const made = await ask(endpoint, backend, { method: "POST", headers, body: mail("me@example.com") });
    assertError(made, "forbidden", 403);
    const edit = { method: "PATCH", rest: `/${agentId}`, headers, body: mail("me@example.com") };
    assertError(await ask(endpoint, backend, edit), "forbidden", 403);
    assert.deepEqual(backend.calls.map(({ name }) => name), ["channels.find"]);
  });
}

const bad: [what: string, changes: Record<string, unknown>][] = [
  ["no name", { name: undefined }],
  ["a name of 101 characters", { name: "x".repeat(101) }],
  ["no kind", { kind: undefined }],
  ["an unknown kind", { kind: "pigeon" }],
  ["a kind of every object", { kind: "toString" }],
  ["no settings", { settings: undefined }],
  ["settings of another kind", { settings: { to: "me@example.com" } }],
  ["labels that are a list", { labels: [] }],
  ["no kinds at all", { kinds: [] }],
  ["an unknown kind of incident", { kinds: ["late"] }],
  ["kinds as text", { kinds: "offline" }],
  ["after_seconds below 0", { after_seconds: -1 }],
  ["after_seconds of more than a day", { after_seconds: 86_401 }],
  ["remind_after_seconds below five minutes", { remind_after_seconds: 299 }],
  ["remind_after_seconds as text", { remind_after_seconds: "300" }],
  ["enabled as text", { enabled: "yes" }],
];
const [create] = resources.filter(({ name }) => name === "POST /channels");
const [edit] = resources.filter(({ name }) => name === "PATCH /channels/<id>");

for (const [what, changes] of bad) {
  Deno.test(`POST /channels with ${what} → invalid_request, and no channel is made`, async () => {
    assert.ok(create !== undefined);
    const given = JSON.stringify({ name: "ops", kind: "slack", settings, ...changes });
    await refused(create, { headers: apikey, body: given }, ["invalid_request", 400]);
  });
}

for (
  const [what, changes] of bad.filter(([, given]) =>
    Object.values(given)[0] !== undefined && !("kind" in given)
  )
) {
  Deno.test(`PATCH /channels/<id> with ${what} → invalid_request, and nothing is changed`, async () => {
    assert.ok(edit !== undefined);
    const backend = await testBackend();
    const reply = await ask(endpoint, backend, {
      method: "PATCH",
      rest: `/${agentId}`,
      headers: apikey,
      body: JSON.stringify(changes),
    });
    assertError(reply, "invalid_request", 400);
    assert.ok(backend.calls.every(({ name }) => name !== "channels.edit"));
  });
}

Deno.test("PATCH /channels/<id> changes what the body names, and nothing else", async () => {
  const backend = await testBackend();
  const changes = { name: "on call", settings, kinds: null, remind_after_seconds: null, enabled: false };
  const given = JSON.stringify(changes);
  const reply = await ask(endpoint, backend, {
    method: "PATCH",
    rest: `/${agentId}`,
    headers: apikey,
    body: given,
  });
  assert.deepEqual([reply.status, reply.body], [200, shown]);
  const args = [agentId, { ownerId: null, act, changes }];
  assert.deepEqual(backend.calls.at(-1), { name: "channels.edit", args });
});

Deno.test("PATCH /channels/<id> with a null in place of a webhook's secret → invalid_request: a new one would be in no reply", async () => {
  const webhook = { ...channel, kind: "webhook", settings: { url: settings.url, secret: "whsec_x" } };
  const backend = await testBackend({ channels: { find: () => Promise.resolve(webhook) } });
  const reply = await ask(endpoint, backend, {
    method: "PATCH",
    rest: `/${agentId}`,
    headers: apikey,
    body: JSON.stringify({ settings: { secret: null } }),
  });
  assertError(reply, "invalid_request", 400);
  assert.ok(backend.calls.every(({ name }) => name !== "channels.edit"));
});

Deno.test("PATCH /channels/<id> with nothing to change → invalid_request", async () => {
  const backend = await testBackend();
  const given = JSON.stringify({ kind: "discord" });
  const reply = await ask(endpoint, backend, {
    method: "PATCH",
    rest: `/${agentId}`,
    headers: apikey,
    body: given,
  });
  assertError(reply, "invalid_request", 400);
});

Deno.test("GET /channels and GET /channels/<id> show nothing that is secret", async () => {
  const backend = await testBackend();
  const { body: page } = await ask(endpoint, backend, { headers: apikey });
  assert.deepEqual(page, { channels: [shown], next_cursor: null, server_time: now.toISOString() });
  assert.deepEqual((await ask(endpoint, backend, { rest: `/${agentId}`, headers: apikey })).body, shown);
});

Deno.test("DELETE /channels/<id> answers what the channel was", async () => {
  const backend = await testBackend();
  const reply = await ask(endpoint, backend, { method: "DELETE", rest: `/${agentId}`, headers: apikey });
  assert.deepEqual([reply.status, reply.body], [200, shown]);
  assert.deepEqual(backend.calls, [{ name: "channels.remove", args: [agentId, { ownerId: null, act }] }]);
});

const nowhere = () => Promise.resolve(null);
for (const [method, rest] of [["GET", ""], ["PATCH", ""], ["DELETE", ""], ["POST", "/test"]] as const) {
  Deno.test(`${method} of a channel that is somebody else's → not_found, and nothing is sent`, async () => {
    const backend = await testBackend({ channels: { find: nowhere, edit: nowhere, remove: nowhere } });
    const given = method === "PATCH" ? { body: JSON.stringify({ enabled: false }) } : {};
    const reply = await ask(endpoint, backend, {
      method,
      rest: `/${agentId}${rest}`,
      headers: apikey,
      ...given,
    });
    assertError(reply, "not_found", 404);
    assert.deepEqual(backend.posts, []);
  });
}

Deno.test("POST /channels/<id>/test sends a message that says that it is a test, and answers what came back", async () => {
  const backend = await testBackend();
  const reply = await ask(endpoint, backend, { method: "POST", rest: `/${agentId}/test`, headers: apikey });
  assert.deepEqual([reply.status, reply.body], [200, { delivered: true, answer: "200 ok" }]);
  assert.equal(backend.posts.length, 1);
  assert.match(backend.posts[0]?.body ?? "", /A test of this channel/);
});

Deno.test("a test that the receiver refuses is no error of ours", async () => {
  const backend = await testBackend();
  backend.transports.post = () => Promise.resolve({ status: 404, retryAfter: null, text: "no_service" });
  const reply = await ask(endpoint, backend, { method: "POST", rest: `/${agentId}/test`, headers: apikey });
  assert.deepEqual([reply.status, reply.body], [200, { delivered: false, answer: "404 no_service" }]);
});

Deno.test("a sixth test at once → rate_limited, and nothing is sent; another channel's is", async () => {
  const backend = await testBackend();
  const test = () => ask(endpoint, backend, { method: "POST", rest: `/${agentId}/test`, headers: apikey });
  for (let n = 0; n < 5; n += 1) assert.equal((await test()).status, 200);
  const reply = await test();
  assertError(reply, "rate_limited", 429);
  assert.equal(reply.headers.get("retry-after"), "12");
  assert.equal(backend.posts.length, 5);
  const other = `/${agentId.replace("0c", "1c")}/test`;
  assert.equal((await ask(endpoint, backend, { method: "POST", rest: other, headers: apikey })).status, 200);
  backend.clock.now = new Date(now.getTime() + 12_000);
  assert.equal((await test()).status, 200);
});

Deno.test("tests of a channel each second → at most ten in any minute", async () => {
  const backend = await testBackend();
  const sent: number[] = [];
  for (let second = 0; second < 180; second += 1) {
    backend.clock.now = new Date(now.getTime() + second * 1000);
    const { status } = await ask(endpoint, backend, {
      method: "POST",
      rest: `/${agentId}/test`,
      headers: apikey,
    });
    if (status === 200) sent.push(second);
  }
  const inMinuteFrom = (start: number): number => sent.filter((at) => at >= start && at < start + 60).length;
  assert.equal(Math.max(...sent.map(inMinuteFrom)), 9);
});

Deno.test("a test of PagerDuty opens and closes what it opened", async () => {
  const pagerduty = { ...channel, kind: "pagerduty", settings: { routing_key: "R".repeat(32) } };
  const backend = await testBackend({ channels: { find: () => Promise.resolve(pagerduty) } });
  backend.transports.post = (post) => {
    backend.posts.push(post);
    return Promise.resolve({ status: 202, retryAfter: null, text: '{"status":"success"}' });
  };
  await ask(endpoint, backend, { method: "POST", rest: `/${agentId}/test`, headers: apikey });
  const sent = backend.posts.map(({ body }) => JSON.parse(body));
  assert.deepEqual(sent.map(({ event_action }) => event_action), ["trigger", "resolve"]);
  assert.equal(sent[0].dedup_key, sent[1].dedup_key);
  assert.equal(sent[0].payload.severity, "info");
});
