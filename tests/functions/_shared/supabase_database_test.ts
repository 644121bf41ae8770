import assert from "node:assert/strict";
import type { Database } from "../../../supabase/functions/_shared/database/port.ts";
import { asContractError, ContractError } from "../../../supabase/functions/_shared/http/errors.ts";
import { describe } from "../../../supabase/functions/_shared/log.ts";
import { supabaseDatabase } from "../../../supabase/functions/_shared/database/supabase.ts";
import { withoutWaiting } from "../_timers.ts";
import { agentId } from "../../_support/vectors.ts";

const secretKey = "sb_secret_for_the_tests_alone_000000000000";
const row = "Failing row contains (sha256:0123)";
const html = "<html><body>Bad gateway</body></html>";

function postgrest(code: string, message: string): string {
  return JSON.stringify({ code, message, details: row, hint: `hint: ${row}` });
}

const outages: Record<string, [status: number, body: string]> = {
  "a gateway's 502 in HTML": [502, html],
  "a gateway's 503 in HTML": [503, html],
  "a gateway's 503 in JSON": [503, '{"message": "name resolution failed"}'],
  "a gateway's 504": [504, ""],
  "a gateway's 500 in HTML": [500, html],
  "a gateway's 522 in HTML": [522, html],
  "PostgREST that cannot connect": [503, postgrest("PGRST000", "Could not connect with the database")],
  "PostgREST whose database had an internal error": [503, postgrest("PGRST001", "Could not connect")],
  "PostgREST that cannot build its schema cache": [
    503,
    postgrest("PGRST002", "Could not query the schema cache"),
  ],
  "PostgREST that waited for its pool": [504, postgrest("PGRST003", "Timed out acquiring connection")],
  "Postgres that shuts down": [
    500,
    postgrest("57P01", "terminating connection due to administrator command"),
  ],
  "Postgres that ended a statement": [
    500,
    postgrest("57014", "canceling statement due to statement timeout"),
  ],
  "Postgres without connections": [500, postgrest("53300", "too many clients already")],
  "PostgREST whose connection broke before Postgres gave a code": [400, postgrest("", "")],
  "Postgres whose connection broke": [503, postgrest("08006", "connection failure")],
};

const faults: Record<string, [status: number, body: string, said: RegExp]> = {
  "a broken constraint": [
    400,
    postgrest("23514", "violates check constraint"),
    /^RpcError 23514: violates check/,
  ],
  "a function that is not there": [404, postgrest("PGRST202", "Could not find the function"), /PGRST202/],
  "a permission that is missing": [403, postgrest("42501", "permission denied for function"), /42501/],
  "a key that does not hold": [401, '{"message": "Invalid API key"}', /Invalid API key \(status 401\)/],
  "a deadlock": [500, postgrest("40P01", "deadlock detected"), /40P01/],
  "a page that is not there": [404, html, /status 404/],
};

for (const [name, [status, body]] of Object.entries(outages)) {
  Deno.test(`${name} → unavailable`, () =>
    withServer(() => new Response(body, { status }), async (database) => {
      await assertUnavailable(database);
    }));
}

for (const [name, [status, body, said]] of Object.entries(faults)) {
  Deno.test(`${name} → an internal error whose cause is logged, and no outage`, () =>
    withServer(() => new Response(body, { status }), async (database) => {
      const error = await failure(database);
      assert.equal(asContractError(error).code, "internal");
      assert.match(describe(error), said);
      assertTellsNoRow(error);
    }));
}

Deno.test("nobody listens → unavailable", async () => {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
    () => new Response(),
  );
  const { port } = server.addr;
  await server.shutdown();
  await assertUnavailable(supabaseDatabase(`http://127.0.0.1:${port}`, secretKey));
});

Deno.test("a server that hangs up → unavailable", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const hangingUp = (async () => {
    for await (const connection of listener) connection.close();
  })();
  await assertUnavailable(supabaseDatabase(`http://127.0.0.1:${listener.addr.port}`, secretKey));
  listener.close();
  await hangingUp;
});

Deno.test("a reply that takes longer than 4 s → unavailable, and one request, which is given up", async () => {
  let requests = 0;
  const givenUp = Promise.withResolvers<void>();
  const slow = async (request: Request): Promise<Response> => {
    requests += 1;
    request.signal.addEventListener("abort", () => givenUp.resolve());
    await givenUp.promise;
    return new Response("null");
  };
  await withServer(slow, async (database) => {
    assert.deepEqual(await withoutWaiting(() => assertUnavailable(database), 100), [4000]);
    await givenUp.promise;
  });
  assert.equal(requests, 1);
});

Deno.test("a reply whose body never ends → unavailable after 4 s", () =>
  withServer(() => new Response(new ReadableStream({ pull: stall }), { status: 200 }), async (database) => {
    assert.deepEqual(await withoutWaiting(() => assertUnavailable(database), 100), [4000]);
  }));

Deno.test("a sound reply → its result, of one request with the key and the arguments by name", async () => {
  const requests: { url: string; apikey: string | null; authorization: string | null; body: unknown }[] = [];
  const found = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    const { headers } = request;
    requests.push({
      url: pathname,
      apikey: headers.get("apikey"),
      authorization: headers.get("authorization"),
      body: await request.json(),
    });
    return Response.json(null);
  };
  await withServer(found, async (database) => assert.equal(await database.agents.get(agentId, null), null));
  assert.deepEqual(requests, [
    {
      url: "/rest/v1/rpc/get_agent",
      apikey: secretKey,
      authorization: `Bearer ${secretKey}`,
      body: { agent_id: agentId, owner_id: null },
    },
  ]);
});

Deno.test("a reply of another shape → an internal error", async () => {
  for (const reply of [[], {}, "text", 1, { id: 1 }]) {
    await withServer(() => Response.json(reply), async (database) => {
      assert.equal(asContractError(await failure(database)).code, "internal");
    });
  }
});

async function assertUnavailable(database: Database): Promise<void> {
  const error = await failure(database);
  assert.ok(error instanceof ContractError, describe(error));
  assert.equal(error.code, "unavailable");
  assert.equal(error.retryAfterSeconds, 5);
  assert.ok(error.cause instanceof Error, "the log has no cause");
  assertTellsNoRow(error);
}

function assertTellsNoRow(error: unknown): void {
  assert.doesNotMatch(`${describe(error)} ${asContractError(error).message}`, /Failing row|hint:/);
}

async function failure(database: Database): Promise<unknown> {
  const [result] = await Promise.allSettled([database.agents.get(agentId, null)]);
  assert.ok(result.status === "rejected", "it did not fail");
  return result.reason;
}

async function withServer(
  answer: (request: Request) => Response | Promise<Response>,
  work: (database: Database) => Promise<void>,
): Promise<void> {
  const stopping = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => undefined, signal: stopping.signal },
    answer,
  );
  try {
    await work(supabaseDatabase(`http://127.0.0.1:${server.addr.port}`, secretKey));
  } finally {
    stopping.abort();
    await server.finished;
  }
}

function stall(): Promise<void> {
  return new Promise(() => undefined);
}
