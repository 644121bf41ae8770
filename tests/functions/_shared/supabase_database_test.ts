import assert from "node:assert/strict";
import { ContractError } from "../../../supabase/functions/_shared/errors.ts";
import { supabaseDatabase } from "../../../supabase/functions/_shared/supabase_database.ts";
import { agent, agentId } from "../../_support/backend.ts";
import { serveLoopback } from "../_loopback.ts";

const key = "sb_secret_of_the_project";

/** What PostgREST says when it refuses. */
function refusal(status: number, code: string): Response {
  const body = { code, message: "it was refused", details: "Failing row contains (sha256:00)", hint: null };
  return Response.json(body, { status });
}

Deno.test("a call is one request to the project's PostgREST, with its secret key and the function's arguments", async () => {
  const seen: { method: string; path: string; apikey: string | null; body: unknown }[] = [];
  await using server = await serveLoopback(async (request) => {
    seen.push({
      method: request.method,
      path: new URL(request.url).pathname,
      apikey: request.headers.get("apikey"),
      body: await request.json(),
    });
    return Response.json(agent);
  });
  assert.deepEqual(await supabaseDatabase(server.url.origin, key).getAgent(agentId, null), agent);
  assert.deepEqual(seen, [{
    method: "POST",
    path: "/rest/v1/rpc/get_agent",
    apikey: key,
    body: { agent_id: agentId, owner_id: null },
  }]);
});

Deno.test("what PostgREST does not find is null", async () => {
  await using server = await serveLoopback(() => Response.json(null));
  assert.equal(await supabaseDatabase(server.url.origin, key).readSession(agentId, 1), null);
});

const outages: [name: string, answer: () => Response][] = [
  ["PostgREST has no connection", () => refusal(503, "PGRST000")],
  ["PostgREST lost its connection", () => refusal(503, "PGRST001")],
  ["PostgREST has no schema", () => refusal(503, "PGRST002")],
  ["PostgREST's pool is used up", () => refusal(504, "PGRST003")],
  ["Postgres has no connection", () => refusal(503, "08006")],
  ["Postgres has too many connections", () => refusal(500, "53300")],
  ["Postgres is shut down", () => refusal(500, "57P01")],
  ["a statement took too long", () => refusal(500, "57014")],
  ["a gateway answers 502", () => new Response("<html>bad gateway</html>", { status: 502 })],
  ["a gateway answers 503", () => new Response("", { status: 503 })],
  ["a gateway answers 504", () => Response.json({ message: "upstream timeout" }, { status: 504 })],
  ["a gateway answers 522", () => new Response("error code: 522", { status: 522 })],
];

for (const [name, answer] of outages) {
  Deno.test(`when ${name} the database is unavailable, and asked only once`, async () => {
    await using server = await serveLoopback(answer);
    await fails(supabaseDatabase(server.url.origin, key).ping(), "unavailable");
    assert.equal(server.requests, 1);
  });
}

Deno.test("when nobody listens the database is unavailable", async () => {
  const server = await serveLoopback(() => Response.json(null));
  await server[Symbol.asyncDispose]();
  await fails(supabaseDatabase(server.url.origin, key).ping(), "unavailable");
});

Deno.test("when nobody answers the database is unavailable after 4 s", async () => {
  const answered = Promise.withResolvers<Response>();
  await using server = await serveLoopback(() => answered.promise);
  const timeout = AbortSignal.timeout;
  const patience: number[] = [];
  AbortSignal.timeout = (milliseconds) => {
    patience.push(milliseconds);
    return timeout.call(AbortSignal, 50);
  };
  try {
    await fails(supabaseDatabase(server.url.origin, key).ping(), "unavailable");
  } finally {
    AbortSignal.timeout = timeout;
    answered.resolve(Response.json(null));
  }
  assert.deepEqual(patience, [4000]);
});

const failures: [name: string, answer: () => Response][] = [
  ["the secret key is refused", () => Response.json({ message: "Invalid API key" }, { status: 401 })],
  ["there is no such function", () => refusal(404, "PGRST202")],
  ["the function may not be called", () => refusal(403, "42501")],
  ["a constraint is broken", () => refusal(400, "23514")],
  ["the function raises", () => refusal(400, "P0001")],
  ["the function fails", () => refusal(500, "XX000")],
];

for (const [name, answer] of failures) {
  Deno.test(`when ${name} it is no outage and no refusal of the caller's, and no row is in the message`, async () => {
    await using server = await serveLoopback(answer);
    await assert.rejects(supabaseDatabase(server.url.origin, key).ping(), (error: Error) => {
      assert.ok(!(error instanceof ContractError));
      assert.ok(!`${error.message}${error.stack}`.includes("sha256:00"));
      return true;
    });
    assert.equal(server.requests, 1);
  });
}

async function fails(work: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(work, (error: Error) => {
    assert.ok(error instanceof ContractError, String(error));
    assert.equal(error.code, code);
    assert.notEqual(error.cause, undefined);
    assert.ok(!error.message.includes("127.0.0.1"));
    return true;
  });
}
