import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { endpoint as agents } from "../../supabase/functions/agents/routes.ts";
import { endpoint as events } from "../../supabase/functions/events/handler.ts";
import { agentId, ask, event, now, operatorKey, testBackend } from "../_support/backend.ts";
import { assertError, text } from "../_support/client.ts";
import { operatorsWithUsers, userAuthorization, userId } from "./_users.ts";

const headers = { apikey: operatorKey };
const first = { kinds: null, page: { limit: 50, after: null } };

const lists = [
  { name: "GET /events", endpoint: events, rest: "", agent: null },
  { name: "GET /agents/<id>/events", endpoint: agents, rest: `/${agentId}/events`, agent: agentId },
];

for (const { name, endpoint, rest, agent } of lists) {
  Deno.test(`${name} answers the events, the next cursor and the time`, async () => {
    const backend = await testBackend();
    const { status, body } = await ask(endpoint, backend, { rest, headers });
    assert.equal(status, 200);
    assert.deepEqual(body, { events: [event], next_cursor: null, server_time: now.toISOString() });
    assert.deepEqual(backend.calls, [{ name: "events.list", args: [null, { ...first, agentId: agent }] }]);
  });

  Deno.test(`a user's ${name} asks for the events that they own`, async () => {
    const backend = await testBackend();
    backend.operators = await operatorsWithUsers();
    await ask(endpoint, backend, { rest, headers: await userAuthorization() });
    assert.deepEqual(backend.calls, [{ name: "events.list", args: [userId, { ...first, agentId: agent }] }]);
  });

  Deno.test(`${name} takes kinds, and the cursor of the page before`, async () => {
    const more = await testBackend({
      events: { list: () => Promise.resolve({ rows: [event], next: { id: 7 } }) },
    });
    const query = `${rest}?kind=deleted,late&limit=1`;
    const cursor = text((await ask(endpoint, more, { rest: query, headers })).body.next_cursor);
    await ask(endpoint, more, { rest: `${query}&cursor=${cursor}`, headers });
    const asked = { kinds: ["deleted", "late"], agentId: agent };
    assert.deepEqual(more.calls.map(({ args }) => args), [
      [null, { ...asked, page: { limit: 1, after: null } }],
      [null, { ...asked, page: { limit: 1, after: { id: 7 } } }],
    ]);
  });

  const bad: [query: string, field: string][] = [
    ["kind=", "kind"],
    ["kind=exploded", "kind"],
    ["kind=deleted,,late", "kind"],
    ["limit=0", "limit"],
    ["cursor=x", "cursor"],
    ...[{}, { id: "7" }, { id: 1.5 }, { id: null }, [7], 7].map((cursor): [string, string] => [
      `cursor=${Buffer.from(JSON.stringify(cursor)).toString("base64url")}`,
      "cursor",
    ]),
  ];
  for (const [query, field] of bad) {
    Deno.test(`${name} with ${query} → invalid_request naming ${field}, and no call`, async () => {
      const backend = await testBackend();
      const reply = await ask(endpoint, backend, { rest: `${rest}?${query}`, headers });
      assertError(reply, "invalid_request", 400);
      assert.ok(text(reply.body.error_description).includes(`"${field}"`));
      assert.deepEqual(backend.calls, []);
    });
  }
}
