import assert from "node:assert/strict";
import { digestSecret } from "../../supabase/functions/_shared/secret.ts";
import { endpoint } from "../../supabase/functions/enrollments/routes.ts";
import { agentId, ask, enrollment, now, operatorKey, testBackend } from "../_support/backend.ts";
import { assertError } from "../_support/client.ts";
import { enrollmentCode } from "../_support/vectors.ts";
import { assertPartly } from "../_support/partly.ts";
import { refused } from "./_hostile.ts";
import { resources } from "./_resources.ts";
import { operatorsWithUsers, userAuthorization, userId } from "./_users.ts";

const apikey = { apikey: operatorKey };
const act = { actor: "key:default", address: "192.0.2.1" };
const defaults = {
  uses: 1,
  expiresInSeconds: 3600,
  name: "{hostname}",
  labels: {},
  heartbeatIntervalSeconds: 60,
  progressDeadlineSeconds: null,
  ownerId: null,
  ownerLimit: null,
  act,
};

async function create(fields: unknown, database: Parameters<typeof testBackend>[0] = {}) {
  const backend = await testBackend(database);
  const body = JSON.stringify(fields);
  return { backend, reply: await ask(endpoint, backend, { method: "POST", headers: apikey, body }) };
}

Deno.test("POST /enrollments shows the code once, and the database gets its digest", async () => {
  const { backend, reply } = await create({});
  assert.equal(reply.status, 201);
  assert.deepEqual(reply.body, { enrollment, code: enrollmentCode });
  const args = [{ ...defaults, codeDigest: digestSecret(enrollmentCode) }];
  assert.deepEqual(backend.calls, [{ name: "enrollments.create", args }]);
  assert.ok(backend.lines.some((line) => line.includes('"event":"enrollment created"')));
  assert.ok(backend.lines.every((line) => !line.includes("oce_")), backend.lines.join("\n"));
});

Deno.test("an enrollment is made with every field that was given", async () => {
  const { backend, reply } = await create({
    uses: 10_000,
    expires_in: 2_592_000,
    name: "web-{hostname}",
    labels: { zone: "a" },
    heartbeat_interval_seconds: 5,
    progress_deadline_seconds: 604_800,
  });
  assert.equal(reply.status, 201);
  assertPartly(backend.calls[0]?.args, [{
    uses: 10_000,
    expiresInSeconds: 2_592_000,
    name: "web-{hostname}",
    labels: { zone: "a" },
    heartbeatIntervalSeconds: 5,
    progressDeadlineSeconds: 604_800,
  }]);
});

const [route] = resources.filter(({ name }) => name === "POST /enrollments");
const bad: [field: string, values: unknown[]][] = [
  ["uses", [0, 10_001, -1, 1.5, "1", null]],
  ["expires_in", [59, 2_592_001, "3600", null]],
  ["name", ["", " ", "x".repeat(101), "a\nb", "\u202ea", 1, null]],
  ["labels", [[], { A: "x" }, { a: 1 }]],
  ["heartbeat_interval_seconds", [4, 86_401, null]],
  ["progress_deadline_seconds", [9, 604_801, "10"]],
];
for (const [field, values] of bad) {
  for (const value of values) {
    Deno.test(`POST /enrollments with ${field} ${JSON.stringify(value)} → invalid_request that names it`, async () => {
      assert.ok(route !== undefined);
      const body = JSON.stringify({ [field]: value });
      const reply = await refused(route, { headers: apikey, body }, ["invalid_request", 400]);
      assert.match(String(reply.body.error_description), new RegExp(`"${field}`));
    });
  }
}

Deno.test("a user's enrollment is the user's, and counts in the user's limit", async () => {
  const backend = await testBackend();
  backend.operators = await operatorsWithUsers();
  const headers = await userAuthorization();
  assert.equal((await ask(endpoint, backend, { method: "POST", headers, body: "{}" })).status, 201);
  const expected = { ownerId: userId, ownerLimit: 1000, act: { ...act, actor: `user:${userId}` } };
  assertPartly(backend.calls, [{ args: [expected] }]);
});

Deno.test("a user who has as many enrollments as allowed → conflict", async () => {
  const limited = { enrollments: { create: () => Promise.resolve("owner_limit" as const) } };
  assertError((await create({}, limited)).reply, "conflict", 409);
});

Deno.test("a user who no longer exists → operator_required", async () => {
  const gone = { enrollments: { create: () => Promise.resolve("owner_unknown" as const) } };
  assertError((await create({}, gone)).reply, "operator_required", 401);
});

Deno.test("GET /enrollments lists enrollments, never a code or digest", async () => {
  const backend = await testBackend();
  const { body } = await ask(endpoint, backend, { rest: "?limit=200", headers: apikey });
  assert.deepEqual(body, { enrollments: [enrollment], next_cursor: null, server_time: now.toISOString() });
  const args = [null, { limit: 200, after: null }];
  assert.deepEqual(backend.calls, [{ name: "enrollments.list", args }]);
});

Deno.test("GET /enrollments/<id> answers the enrollment and its hosts", async () => {
  const host = {
    agent_id: null,
    hostname: null,
    address: "192.0.2.7",
    step: "download",
    failed: true,
    detail: "no room",
    at: now.toISOString(),
  };
  const get = () => Promise.resolve({ enrollment, hosts: [host] });
  const reply = await ask(endpoint, await testBackend({ enrollments: { get } }), {
    rest: `/${agentId}`,
    headers: apikey,
  });
  assert.deepEqual(reply.body, { enrollment, hosts: [host] });
});

Deno.test("POST /enrollments/<id>/revoke answers the enrollment after it, and the act is logged", async () => {
  const backend = await testBackend();
  const reply = await ask(endpoint, backend, {
    method: "POST",
    rest: `/${agentId}/revoke`,
    headers: apikey,
  });
  assert.deepEqual(reply.body, { enrollment: { ...enrollment, revoked_at: now.toISOString() } });
  assert.deepEqual(backend.calls, [{ name: "enrollments.revoke", args: [agentId, { ownerId: null, act }] }]);
  assert.ok(backend.lines.some((line) => line.includes('"event":"enrollment revoked"')));
});
