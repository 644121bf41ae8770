import assert from "node:assert/strict";
import { endpoint } from "../../supabase/functions/agents/routes.ts";
import {
  agent,
  agentId,
  agentsMap,
  ask,
  mapChanges,
  mapMoment,
  now,
  operatorKey,
  testBackend,
  troubles,
} from "../_support/backend.ts";
import { assertError, text } from "../_support/client.ts";
import { formatCursor } from "../../supabase/functions/_shared/http/pages.ts";
import { readerKey } from "../_support/vectors.ts";
import { operatorsWithUsers, userAuthorization, userId } from "./_users.ts";

const headers = { apikey: operatorKey };
const filter = { liveness: null, labels: [], search: null };
const asked = { filter, groupKey: null, marksEvery: 1000 };

Deno.test("GET /agents/map answers every agent as a digit, what the digits are, and cursors", async () => {
  const backend = await testBackend();
  const { status, body } = await ask(endpoint, backend, { rest: "/map", headers });
  assert.equal(status, 200);
  const { marks, words, ...rest } = body;
  assert.deepEqual(words, [
    "offline",
    "stalled",
    "unhealthy",
    "copy",
    "late",
    "degraded",
    "pending",
    "online",
    "stopped",
    "revoked",
  ]);
  const { marks: _marks, ...map } = agentsMap;
  assert.deepEqual(rest, { ...map, marks_every: 1000, server_time: now.toISOString() });
  assert.ok(Array.isArray(marks) && marks.length === 1);
  assert.deepEqual(backend.calls, [{ name: "agents.map", args: [null, asked] }]);
});

Deno.test("a user's map is of the rows that they own, a reader's of what its maker sees", async () => {
  const backend = await testBackend({
    readerKeys: { find: () => Promise.resolve({ id: agentId, owner_id: userId, name: "x", created_at: "" }) },
  });
  backend.operators = await operatorsWithUsers();
  await ask(endpoint, backend, { rest: "/map", headers: await userAuthorization() });
  await ask(endpoint, backend, { rest: "/map", headers: { apikey: readerKey } });
  const maps = backend.calls.filter(({ name }) => name === "agents.map");
  assert.deepEqual(maps.map(({ args }) => args), [[userId, asked], [userId, asked]]);
});

Deno.test("GET /agents/map takes the filters of the list, and a label to group by", async () => {
  const backend = await testBackend();
  await ask(endpoint, backend, { rest: "/map?group=site&liveness=late&label=a:b&q=x&limit=1000", headers });
  const labels = [{ key: "a", value: "b" }];
  const args = [null, { ...asked, groupKey: "site", filter: { liveness: ["late"], labels, search: "x" } }];
  assert.deepEqual(backend.calls, [{ name: "agents.map", args }]);
});

const bad: [query: string, field: string][] = [
  ["group=", "group"],
  ["group=Site", "group"],
  ["group=a:b", "group"],
  [`group=${"a".repeat(64)}`, "group"],
  ["group=a%27;drop%20table%20agents", "group"],
  ["liveness=glad", "liveness"],
  ["label=", "label"],
  ["q=", "q"],
];
for (const [query, field] of bad) {
  Deno.test(`GET /agents/map?${query.slice(0, 40)} → invalid_request naming ${field}, and no call`, async () => {
    await assertRefused(`/map?${query}`, field);
  });
}

Deno.test("GET /agents/map?follow=true also answers which agents they are, and a cursor that their changes take", async () => {
  const backend = await testBackend();
  const { body } = await ask(endpoint, backend, { rest: "/map?follow=true", headers });
  assert.deepEqual([body.ids, body.liveness, body.incidents, body.next], [agentId, "6", "", undefined]);
  const rest = `/map/changes?label=a:b&q=x&cursor=${text(body.next_cursor)}`;
  const changes = await ask(endpoint, backend, { rest, headers });
  const { next, ...told } = mapChanges;
  assert.equal(changes.status, 200);
  const next_cursor = formatCursor(next);
  assert.deepEqual(changes.body, { ...told, next_cursor, server_time: now.toISOString() });
  const labels = [{ key: "a", value: "b" }];
  assert.deepEqual(backend.calls, [
    { name: "agents.follow", args: [null, asked] },
    {
      name: "agents.mapChanges",
      args: [null, { filter: { ...filter, labels, search: "x" }, since: mapMoment }],
    },
  ]);
});

Deno.test("changes that are not known are null, and a user's are of the rows that they own", async () => {
  const backend = await testBackend({ agents: { mapChanges: () => Promise.resolve(null) } });
  backend.operators = await operatorsWithUsers();
  const rest = `/map/changes?cursor=${formatCursor({ ...mapMoment })}`;
  const { body } = await ask(endpoint, backend, { rest, headers: await userAuthorization() });
  assert.deepEqual(body, { changes: null, server_time: now.toISOString() });
  assert.deepEqual(backend.calls, [{
    name: "agents.mapChanges",
    args: [userId, { filter, since: mapMoment }],
  }]);
});

const badMoments: [what: string, moment: Record<string, unknown>][] = [
  ["a transaction that is no number", { xid: "7; drop table agents" }],
  ["a transaction that is not text", { xid: 7 }],
  ["a transaction of twenty digits", { xid: "1".repeat(20) }],
  ["a negative transaction", { xid: "-7" }],
  ["a time that is text", { at_us: "now" }],
  ["a time before 1970", { at_us: -1 }],
  ["a time that JSON does not carry", { at_us: 2 ** 53 }],
  ["half a microsecond", { at_us: 0.5 }],
  ["an interval that is too long", { shortest: 86_401 }],
  ["no interval", { shortest: undefined }],
];
for (const [what, wrong] of badMoments) {
  Deno.test(`GET /agents/map/changes with a cursor of ${what} → invalid_request, and no call`, async () => {
    await assertRefused(`/map/changes?cursor=${formatCursor({ ...mapMoment, ...wrong })}`, "cursor");
  });
}
const cursor = formatCursor({ ...mapMoment });
const badChanges: [query: string, field: string][] = [
  ["", "cursor"],
  ["cursor=", "cursor"],
  ["cursor=e30", "cursor"],
  ["cursor=W10", "cursor"],
  [`liveness=late&cursor=${cursor}`, "liveness"],
  [`label=&cursor=${cursor}`, "label"],
];
for (const [query, field] of badChanges) {
  const name = query.replace(cursor, "…");
  Deno.test(`GET /agents/map/changes?${name} → invalid_request naming ${field}, and no call`, async () => {
    await assertRefused(`/map/changes?${query}`, field);
  });
}
for (const rest of ["/map?follow=yes", "/map?follow=", "?counts=no", "?counts="]) {
  Deno.test(`GET /agents${rest} → invalid_request, and no call`, async () => {
    await assertRefused(rest, rest.includes("follow") ? "follow" : "counts");
  });
}

Deno.test("GET /agents?counts=false counts nothing, and neither do the pages after it", async () => {
  const next = { sort: "name", key: "edge 1", id: agentId };
  const backend = await testBackend({
    agents: { list: () => Promise.resolve({ rows: [agent], next, totals: null }) },
  });
  const { body } = await ask(endpoint, backend, { rest: "?sort=name&counts=false", headers });
  assert.deepEqual([body.counts, body.troubles], [null, null]);
  const rest = `?sort=name&counts=false&cursor=${text(body.next_cursor)}`;
  const behind = await ask(endpoint, backend, { rest, headers });
  assert.deepEqual([behind.status, behind.body.counts, behind.body.troubles], [200, null, null]);
  const args = (after: typeof next | null): unknown[] => [
    null,
    { filter, sort: "name", page: { limit: 50, after }, isCounted: false },
  ];
  assert.deepEqual(backend.calls.map(({ args }) => args), [args(null), args(next)]);
});

const badLists: [query: string, field: string][] = [
  ["sort=label:", "sort"],
  ["sort=label:Site", "sort"],
  ["sort=label:a%27", "sort"],
  ["sort=label", "sort"],
  ["sort=--label:a", "sort"],
  ["skip=-1", "skip"],
  ["skip=1000", "skip"],
  ["skip=", "skip"],
  ["skip=1e2", "skip"],
];
for (const [query, field] of badLists) {
  Deno.test(`GET /agents?${query} → invalid_request naming ${field}, and no call`, async () => {
    await assertRefused(`?${query}`, field);
  });
}

async function assertRefused(rest: string, field: string): Promise<void> {
  const backend = await testBackend();
  const reply = await ask(endpoint, backend, { rest, headers });
  assertError(reply, "invalid_request", 400);
  assert.ok(text(reply.body.error_description).includes(`"${field}"`), text(reply.body.error_description));
  assert.deepEqual(backend.calls, []);
}

for (const sort of ["name", "label:site", "label:trouble", "label:created_at"]) {
  Deno.test(`a mark by ${sort} is a cursor of the list, which counts nothing behind it`, async () => {
    const mark = { sort, key: "0Linz\u0001edge 1", id: agentId };
    const first = await testBackend({
      agents: { map: () => Promise.resolve({ ...agentsMap, marks: [mark] }) },
    });
    const { body: { marks } } = await ask(endpoint, first, { rest: "/map", headers });
    const [cursor] = Array.isArray(marks) ? marks : [];
    const next = { ...mark, key: "0Linz\u0001edge 9" };
    const second = await testBackend({
      agents: { list: () => Promise.resolve({ rows: [agent], next, totals: null }) },
    });
    const rest = `?sort=${sort}&limit=60&skip=420&cursor=${text(cursor)}`;
    const { status, body } = await ask(endpoint, second, { rest, headers });
    assert.deepEqual([status, body.counts, body.troubles], [200, null, null], JSON.stringify(body));
    const args = [null, { filter, sort, page: { limit: 60, after: mark, skipped: 420 } }];
    assert.deepEqual(second.calls, [{ name: "agents.list", args }]);
    const third = await ask(endpoint, second, {
      rest: `?sort=${sort}&cursor=${text(body.next_cursor)}`,
      headers,
    });
    assert.equal(third.status, 200, "and the page after it goes on");
  });
}

Deno.test("a list that leaves rows out without a cursor counts as a first page does", async () => {
  const backend = await testBackend();
  const { body } = await ask(endpoint, backend, { rest: "?skip=999", headers });
  assert.deepEqual([body.counts, body.troubles], [{ pending: 1 }, troubles]);
});
