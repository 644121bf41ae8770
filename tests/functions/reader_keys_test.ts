import assert from "node:assert/strict";
import { digestSecret } from "../../supabase/functions/_shared/secret.ts";
import { endpoint } from "../../supabase/functions/reader-keys/routes.ts";
import { agentId, ask, now, operatorKey, readerKeyRow, testBackend } from "../_support/backend.ts";
import { assertError } from "../_support/client.ts";
import { readerKey } from "../_support/vectors.ts";
import { assertPartly } from "../_support/partly.ts";
import { refused } from "./_hostile.ts";
import { resources } from "./_resources.ts";
import { operatorsWithUsers, userAuthorization, userId } from "./_users.ts";

const apikey = { apikey: operatorKey };
const body = JSON.stringify({ name: "a dashboard" });
const act = { actor: "key:default", address: "192.0.2.1" };

Deno.test("POST /reader-keys shows the key once, and the database gets its digest", async () => {
  const backend = await testBackend();
  const reply = await ask(endpoint, backend, { method: "POST", headers: apikey, body });
  assert.equal(reply.status, 201);
  assert.deepEqual(reply.body, { id: agentId, name: "a dashboard", key: readerKey });
  const keyDigest = digestSecret(readerKey);
  const args = [{ name: "a dashboard", ownerId: null, ownerLimit: null, keyDigest, act }];
  assert.deepEqual(backend.calls, [{ name: "readerKeys.create", args }]);
  assert.ok(backend.lines.some((line) => line.includes('"event":"reader key created"')));
  assert.ok(backend.lines.every((line) => !line.includes("ocr_")), backend.lines.join("\n"));
});

Deno.test("a user's reader key is the user's, and counts in the user's limit", async () => {
  const backend = await testBackend();
  backend.operators = await operatorsWithUsers();
  const headers = await userAuthorization();
  assert.equal((await ask(endpoint, backend, { method: "POST", headers, body })).status, 201);
  const expected = { ownerId: userId, ownerLimit: 1000, act: { ...act, actor: `user:${userId}` } };
  assertPartly(backend.calls, [{ args: [expected] }]);
});

Deno.test("a user who has as many reader keys as allowed → conflict", async () => {
  const backend = await testBackend({ readerKeys: { create: () => Promise.resolve("owner_limit") } });
  assertError(await ask(endpoint, backend, { method: "POST", headers: apikey, body }), "conflict", 409);
});

Deno.test("a user who no longer exists → operator_required", async () => {
  const backend = await testBackend({ readerKeys: { create: () => Promise.resolve("owner_unknown") } });
  assertError(
    await ask(endpoint, backend, { method: "POST", headers: apikey, body }),
    "operator_required",
    401,
  );
});

const [create] = resources.filter(({ name }) => name === "POST /reader-keys");
for (
  const [what, fields] of [
    ["no name", {}],
    ["an empty name", { name: "" }],
    ["a name that is a number", { name: 1 }],
    ["a name of 101 characters", { name: "x".repeat(101) }],
    ["a name with a line feed", { name: "a\nb" }],
  ] as const
) {
  Deno.test(`POST /reader-keys with ${what} → invalid_request, and no key is made`, async () => {
    assert.ok(create !== undefined);
    await refused(create, { headers: apikey, body: JSON.stringify(fields) }, ["invalid_request", 400]);
  });
}

Deno.test("GET /reader-keys lists rows, never a key or digest", async () => {
  const next = { created_us: 1_763_899_200_000_000, id: agentId };
  const list = () => Promise.resolve({ rows: [readerKeyRow], next });
  const backend = await testBackend({ readerKeys: { list } });
  const { body } = await ask(endpoint, backend, { headers: apikey });
  assert.deepEqual(body, {
    reader_keys: [readerKeyRow],
    next_cursor: body.next_cursor,
    server_time: now.toISOString(),
  });
  const { calls } = backend;
  await askPage(backend, `limit=7&cursor=${body.next_cursor}`);
  assert.deepEqual(calls.map(({ args }) => args), [[null, { limit: 50, after: null }], [null, {
    limit: 7,
    after: next,
  }]]);
});

for (
  const query of [
    "limit=0",
    "limit=201",
    "limit=",
    "limit=1e2",
    "cursor=",
    "cursor=%00",
    "cursor=e30",
    `cursor=${btoa('{"id":1}')}`,
    `cursor=${btoa(JSON.stringify({ created_us: -1, id: agentId }))}`,
    `cursor=${btoa(JSON.stringify({ created_us: 1.5, id: agentId }))}`,
    `cursor=${btoa(JSON.stringify({ created_us: "1", id: agentId }))}`,
    `cursor=${btoa(JSON.stringify({ created_us: 1, id: "1" }))}`,
  ]
) {
  Deno.test(`GET /reader-keys?${query} → invalid_request, and the database is not asked`, async () => {
    const backend = await testBackend();
    assertError(await askPage(backend, query), "invalid_request", 400);
    assert.deepEqual(backend.calls, []);
  });
}

Deno.test("DELETE /reader-keys/<id> answers what the key was, and the act is logged", async () => {
  const backend = await testBackend();
  const reply = await ask(endpoint, backend, { method: "DELETE", rest: `/${agentId}`, headers: apikey });
  assert.equal(reply.status, 200);
  assert.deepEqual(reply.body, readerKeyRow);
  assert.deepEqual(backend.calls, [{ name: "readerKeys.revoke", args: [agentId, { ownerId: null, act }] }]);
  assert.ok(backend.lines.some((line) => line.includes('"event":"reader key revoked"')));
});

function askPage(backend: Awaited<ReturnType<typeof testBackend>>, query: string) {
  return ask(endpoint, backend, { rest: `?${query}`, headers: apikey });
}
