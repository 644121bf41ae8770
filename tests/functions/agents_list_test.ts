import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { endpoint } from "../../supabase/functions/agents/routes.ts";
import { agent, agentId, ask, now, operatorKey, testBackend, troubles } from "../_support/backend.ts";
import { assertError, text } from "../_support/client.ts";
import { operatorsWithUsers, userAuthorization, userId } from "./_users.ts";

const headers = { apikey: operatorKey };
const plain = {
  filter: { liveness: null, labels: [], search: null },
  sort: "trouble",
  page: { limit: 50, after: null },
};
const totals = { counts: { pending: 2, late: 1 }, troubles: { unhealthy: 1, copies: 3 } };

Deno.test("GET /agents answers the agents, their counts, the next cursor and the time", async () => {
  const backend = await testBackend();
  const { status, body } = await ask(endpoint, backend, { headers });
  assert.equal(status, 200);
  const wanted = {
    agents: [agent],
    counts: { pending: 1 },
    troubles,
    next_cursor: null,
    server_time: now.toISOString(),
  };
  assert.deepEqual(body, wanted);
  assert.deepEqual(backend.calls, [{ name: "agents.list", args: [null, plain] }]);
});

Deno.test("a user's GET /agents asks for the rows that they own", async () => {
  const backend = await testBackend();
  backend.operators = await operatorsWithUsers();
  await ask(endpoint, backend, { headers: await userAuthorization() });
  assert.deepEqual(backend.calls, [{ name: "agents.list", args: [userId, plain] }]);
});

const good: [query: string, asked: Record<string, unknown>][] = [
  ["?liveness=stalled", { filter: { ...plain.filter, liveness: ["stalled"] } }],
  ["?liveness=online,late,offline,stalled,pending,stopped,revoked", {
    filter: {
      ...plain.filter,
      liveness: ["online", "late", "offline", "stalled", "pending", "stopped", "revoked"],
    },
  }],
  ["?label=zone", { filter: { ...plain.filter, labels: [{ key: "zone", value: null }] } }],
  ["?label=zone:", { filter: { ...plain.filter, labels: [{ key: "zone", value: "" }] } }],
  ["?label=url:http://a&label=b.c-d_9", {
    filter: {
      ...plain.filter,
      labels: [{ key: "url", value: "http://a" }, { key: "b.c-d_9", value: null }],
    },
  }],
  ["?q=50%25_off", { filter: { ...plain.filter, search: "50%_off" } }],
  ["?sort=-name&limit=200", { sort: "-name", page: { limit: 200, after: null } }],
  ["?sort=created_at&limit=1", { sort: "created_at", page: { limit: 1, after: null } }],
  ["?colour=red&offset=9", {}],
];

for (const [query, asked] of good) {
  Deno.test(`GET /agents${query} asks for just that`, async () => {
    const backend = await testBackend();
    const reply = await ask(endpoint, backend, { rest: query, headers });
    assert.equal(reply.status, 200, JSON.stringify(reply.body));
    assert.deepEqual(backend.calls, [{ name: "agents.list", args: [null, { ...plain, ...asked }] }]);
  });
}

const bad: [query: string, field: string][] = [
  ["liveness=", "liveness"],
  ["liveness=online,", "liveness"],
  ["liveness=Online", "liveness"],
  ["liveness=healthy", "liveness"],
  ["label=", "label"],
  ["label=:a", "label"],
  ["label=Zone", "label"],
  [`label=${"a".repeat(64)}`, "label"],
  [`label=a:${"b".repeat(256)}`, "label"],
  ["label=a:%0a", "label"],
  [Array.from({ length: 33 }, () => "label=a").join("&"), "label"],
  ["q=", "q"],
  [`q=${"a".repeat(256)}`, "q"],
  ["q=%00", "q"],
  ["sort=", "sort"],
  ["sort=liveness", "sort"],
  ["sort=--name", "sort"],
  ["sort=name,id", "sort"],
  ...["", "0", "201", "-1", "1.5", "ten", "1e2"].map((
    limit,
  ): [string, string] => [`limit=${limit}`, "limit"]),
];

for (const [query, field] of bad) {
  Deno.test(`GET /agents?${query.slice(0, 40)} → invalid_request naming ${field}, and no call`, async () => {
    const backend = await testBackend();
    const reply = await ask(endpoint, backend, { rest: `?${query}`, headers });
    assertError(reply, "invalid_request", 400);
    assert.ok(text(reply.body.error_description).includes(`"${field}"`), text(reply.body.error_description));
    assert.deepEqual(backend.calls, []);
  });
}

const keys: [sort: string, key: string | number | null][] = [
  ["trouble", "61795745792128368"],
  ["-trouble", "0"],
  ["name", "ünïcode 漢字 👩‍🚀"],
  ["-name", ""],
  ["last_seen_at", null],
  ["-last_seen_at", 1_795_745_792_128_368],
  ["created_at", 0],
];

for (const [sort, key] of keys) {
  Deno.test(`the cursor of a page by ${sort} brings the page after ${key}, and the first one's counts`, async () => {
    const next = { sort, key, id: agentId };
    const first = await testBackend({
      agents: { list: () => Promise.resolve({ rows: [agent], next, totals }) },
    });
    const { body } = await ask(endpoint, first, { rest: `?sort=${sort}`, headers });
    const cursor = text(body.next_cursor);
    const second = await testBackend({
      agents: { list: () => Promise.resolve({ rows: [agent], next: null, totals: null }) },
    });
    const reply = await ask(endpoint, second, { rest: `?sort=${sort}&cursor=${cursor}`, headers });
    const { status, body: { counts, troubles, next_cursor } } = reply;
    assert.deepEqual([status, next_cursor, { counts, troubles }], [200, null, totals]);
    const args = [null, { ...plain, sort, page: { limit: 50, after: next } }];
    assert.deepEqual(second.calls, [{ name: "agents.list", args }]);
  });
}

const sound = { sort: "name", key: "a", id: agentId, counts: {}, troubles: {} };
const badCursors: [name: string, sort: string, cursor: unknown][] = [
  ["of another order", "-name", sound],
  ["without a key", "name", { ...sound, key: undefined }],
  ["whose name is a number", "name", { ...sound, key: 1 }],
  ["whose name is null", "name", { ...sound, key: null }],
  ["whose name has a NUL", "name", { ...sound, key: "\0" }],
  ["whose name has half of a pair", "name", { ...sound, key: "\ud83e" }],
  ["whose id is no UUID", "name", { ...sound, id: "1" }],
  ["whose id is a list", "name", { ...sound, id: [agentId] }],
  ["without counts", "name", { ...sound, counts: undefined }],
  ["that counts moods", "name", { ...sound, counts: { glad: 1 } }],
  ["that counts in texts", "name", { ...sound, counts: { late: "1" } }],
  ["without troubles", "name", { ...sound, troubles: undefined }],
  ["with troubles of its own", "name", { ...sound, troubles: { late: 1 } }],
  ["whose trouble is a number", "trouble", { ...sound, sort: "trouble", key: 1 }],
  ["whose trouble is too long", "trouble", { ...sound, sort: "trouble", key: "9".repeat(19) }],
  ["whose time is a text", "created_at", { ...sound, sort: "created_at", key: "1" }],
  ["whose time is null", "created_at", { ...sound, sort: "created_at", key: null }],
  ["whose time is too great", "last_seen_at", { ...sound, sort: "last_seen_at", key: 2 ** 53 }],
  ["that is a list", "name", [sound]],
  ["that is null", "name", null],
  ["that is a text", "name", "name"],
];

for (const [name, sort, cursor] of badCursors) {
  Deno.test(`GET /agents?sort=${sort} with a cursor ${name} → invalid_request, and no call`, async () => {
    await assertBadCursor(sort, Buffer.from(JSON.stringify(cursor)).toString("base64url"));
  });
}

for (const cursor of ["", "x", "e30=", "!", "_-_-", "e30".repeat(1000), "bnVsbA", "gICA"]) {
  Deno.test(`GET /agents?cursor=${cursor.slice(0, 12)} → invalid_request, and no call`, async () => {
    await assertBadCursor("trouble", cursor);
  });
}

async function assertBadCursor(sort: string, cursor: string): Promise<void> {
  const backend = await testBackend();
  const reply = await ask(endpoint, backend, { rest: `?sort=${sort}&cursor=${cursor}`, headers });
  assertError(reply, "invalid_request", 400);
  assert.match(text(reply.body.error_description), /"cursor"/);
  assert.deepEqual(backend.calls, []);
}
