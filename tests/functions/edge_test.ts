import assert from "node:assert/strict";
import { createLocalJWKSet, jwtVerify } from "jose";
import { generateSigningKey } from "../../supabase/functions/_shared/keys.ts";
import { assertError, FleetClient, record, send, text } from "../_support/client.ts";
import { type Edge, findEdgeDeno, functionArgs, functions, indexOf, withEdge } from "../_support/edge.ts";
import { assertUnseen, tellOperatorStory, UserClient } from "../_support/operator_story.ts";
import { part } from "../_support/require.ts";
import { run, succeed } from "../_support/run.ts";
import { withSql } from "../_support/sql.ts";
import { until } from "../_support/wait.ts";
import {
  findSupabaseApi,
  startSupabaseApi,
  type SupabaseApi,
  supabaseApiParts,
} from "../_support/supabase_api.ts";

const edgeDeno = await part("Deno 2.1.4 from npm", findEdgeDeno);
const platform = await part(`Deno 2.1.4 from npm, ${supabaseApiParts}`, async () => {
  const parts = await findSupabaseApi();
  const deno = parts === null ? null : await findEdgeDeno();
  return parts === null || deno === null ? null : { parts, deno };
});
const keys = JSON.stringify({ keys: [await generateSigningKey()] });

platform.test(
  "the functions under the Edge Runtime's Deno → one agent's whole story, and unavailable while PostgREST is gone",
  async ({ parts, deno }, context) => {
    await using api = await startSupabaseApi(parts);
    await withEdge(deno, environment(api), async (edge) => {
      await liveOneStory(edge, api, context);
      await losePostgrest(edge, api, context);
    });
  },
);

edgeDeno.test("every function's index.ts passes the check of the Edge Runtime's Deno", async (deno) => {
  // One start for all of them: deployment_test.ts holds that no function's deno.json or globals change what this reads.
  await succeed(deno, ["check", "--quiet", "--no-lock", "--no-config", ...functions.map(indexOf)], {
    timeoutSeconds: 300,
  });
});

/** One of each reader that a start goes through; env_test.ts has what else they refuse. */
const refusedStarts: Record<string, [env: Record<string, string>, said: RegExp]> = {
  "no AGENT_JWT_KEYS": [{ AGENT_JWT_KEYS: "" }, /AGENT_JWT_KEYS.*it is not set.*deno task keys/],
  "a session lifetime of 59 s": [
    { AGENT_SESSION_TTL_SECONDS: "59" },
    /AGENT_SESSION_TTL_SECONDS is "59".*60 to 86400/,
  ],
  "SUPABASE_SECRET_KEYS that is no JSON": [
    { SUPABASE_SECRET_KEYS: "sb_secret_x" },
    /SUPABASE_SECRET_KEYS is not JSON/,
  ],
};

for (const [name, [env, said]] of Object.entries(refusedStarts)) {
  edgeDeno.test(`a function with ${name} → no start, and a message that names the variable`, async (deno) => {
    const sound = environment({
      url: "http://127.0.0.1:1",
      secretKey: "sb_secret_for_the_tests_alone_000000000000",
      jwks: '{"keys":[]}',
    });
    const ended = await run(deno, functionArgs("handshake", [indexOf("handshake")]), {
      env: { ...sound, ...env },
    });
    assert.equal(ended?.code, 1);
    assert.match(ended.stderr, said);
    assert.match(ended.stderr, /ConfigurationError: Cannot start: /);
    assert.equal(ended.stdout, "");
  });
}

/** What `pg_net` has of its `net.http_post`, by its documentation; the test sends what waits, as its worker does. */
const pgNetLike = `
  create schema vault;
  create table vault.decrypted_secrets (name text, decrypted_secret text);
  create schema net;
  create table net.http_request_queue (
    method text, url text, headers jsonb, body bytea, timeout_milliseconds integer
  );
  create function net.http_post(
    url text, body jsonb default '{}', params jsonb default '{}', headers jsonb default '{}',
    timeout_milliseconds integer default 2000
  ) returns bigint language sql as $$
    insert into net.http_request_queue values (
      'POST', url, '{"Content-Type": "application/json"}' || headers, convert_to(body::text, 'UTF8'),
      timeout_milliseconds
    );
    select 1::bigint;
  $$;
`;

async function liveOneStory(
  { base, output }: Edge,
  api: SupabaseApi,
  context: Deno.TestContext,
): Promise<void> {
  const client = new FleetClient(base, api.secretKey);
  const agent = await client.createAgent({ name: "edge 1", owner_id: api.userIds[0] });
  const token = await client.session(agent);

  await context.step("jwks verifies the session", async () => {
    const { body } = await send(`${base}/jwks`);
    assert.ok(Array.isArray(body.keys));
    const { payload } = await jwtVerify(token, createLocalJWKSet({ keys: body.keys }), {
      issuer: `${api.url}/functions/v1`,
      audience: "openclaw:agent",
      typ: "at+jwt",
    });
    assert.equal(payload.sub, agent.id);
  });
  await context.step("a handshake does not bring the agent online, a heartbeat does", async () => {
    assert.equal((await client.agent(agent.id)).liveness, "pending");
    const reply = await client.beat(token, { status: "degraded", metrics: { load_1m: 0.5 }, seq: 1 });
    assert.equal(reply.status, 200, JSON.stringify(reply.body));
    const seen = await client.agent(agent.id);
    assert.equal(seen.liveness, "online");
    assert.deepEqual(seen.metrics, { load_1m: 0.5 });
  });
  await context.step("the agent reads its own state", async () => {
    const { status, body } = await send(`${base}/heartbeat`, {
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(status, 200);
    const { id, name, liveness } = record(body.agent);
    assert.deepEqual({ id, name, liveness }, { id: agent.id, name: "edge 1", liveness: "online" });
  });
  await context.step("an agent that is revoked is refused, as a wrong secret is", async () => {
    assert.equal((await client.revoke(agent.id)).body.liveness, "revoked");
    assertError(await client.beat(token), "session_revoked", 401);
    assertError(await client.handshake(agent), "invalid_credentials", 401);
  });
  await context.step("a user has an operator's day, of which another user sees nothing", async () => {
    const [mine, others] = await Promise.all(api.userIds.map((sub) => userClient(base, api, sub)));
    assert.ok(mine !== undefined && others !== undefined);
    await mine.operate(`agents/${agent.id}?name=edge%201`, { method: "DELETE" });
    await assertUnseen(others, await tellOperatorStory(mine));
  });
  await context.step(
    "what docs/operating.md has pg_cron run is a tick, with a reader's key of Vault",
    async () => {
      const key = await client.operate("reader-keys", { method: "POST", body: { name: "pg_cron" } });
      assert.equal(key.status, 201, JSON.stringify(key.body));
      const request = await withSql(api.address, async (sql) => {
        await sql.unsafe(pgNetLike);
        await sql`insert into vault.decrypted_secrets values ('openclaw_reader_key', ${text(key.body.key)})`;
        await sql.unsafe(await documentedCall());
        const [request, ...more] = await sql`
        select method, url, headers, convert_from(body, 'UTF8') as body, timeout_milliseconds
        from net.http_request_queue`;
        assert.equal(more.length, 0);
        return record(request);
      });
      assert.match(text(request.url), /^https:\/\/<ref>\.supabase\.co\/functions\/v1\/notify$/);
      assert.ok(Number(request.timeout_milliseconds) > 25_000, "notify sends for 25 s at most");
      const headers = Object.entries(record(request.headers)).map(([name, value]): [string, string] => [
        name,
        text(value),
      ]);
      const reply = await fetch(`${base}/notify`, { method: "POST", headers, body: text(request.body) });
      assert.deepEqual([reply.status, await reply.json()], [200, { ok: true }]);
      const [ticks] = await withSql(api.address, (sql) => sql`select every_seconds from public.ticks`);
      assert.equal(ticks?.every_seconds, 10);
    },
  );
  await context.step("no operator's key, no agent", async () => {
    const bare = await send(`${base}/create-agent`, { body: { name: "x" } });
    assertError(bare, "operator_required", 401);
    const publishable = { apikey: api.publishableKey };
    assertError(
      await send(`${base}/create-agent`, { headers: publishable, body: { name: "x" } }),
      "operator_required",
      401,
    );
  });
  await context.step("the service is well, and its output holds no secret", async () => {
    assert.equal((await send(`${base}/health`)).body.database, "ok");
    const printed = output.join("");
    assert.match(printed, /"event":"function started","function":"heartbeat"/);
    for (const secret of [agent.secret, token, api.secretKey, text(JSON.parse(keys).keys[0].d)]) {
      assert.ok(!printed.includes(secret), "the output holds a secret");
    }
  });
}

/** What is between the dollars of the documented `cron.schedule`. */
async function documentedCall(): Promise<string> {
  const page = await Deno.readTextFile(new URL("../../docs/operating.md", import.meta.url));
  const [, call] = /cron\.schedule\('openclaw notify', '10 seconds', \$\$([^$]+)\$\$\)/.exec(page) ?? [];
  return call ?? assert.fail("docs/operating.md has no such schedule");
}

async function losePostgrest({ base }: Edge, api: SupabaseApi, context: Deno.TestContext): Promise<void> {
  const client = new FleetClient(base, api.secretKey);
  const agent = await client.createAgent({ name: "edge 2" });
  const token = await client.session(agent);
  await api.postgrest.kill();
  await context.step(
    "PostgREST is gone → every act is unavailable, and no credential is refused",
    async () => {
      // It asks the database once a second at most, and answers meanwhile what it heard.
      const health = await until("health that fails", async () => {
        const reply = await send(`${base}/health`);
        return reply.status !== 200 && reply;
      });
      const replies = {
        health,
        handshake: client.handshake(agent),
        beat: client.beat(token),
        state: send(`${base}/heartbeat`, { headers: { authorization: `Bearer ${token}` } }),
        agent: send(`${base}/agents/${agent.id}`, { headers: client.operator }),
        revoke: client.revoke(agent.id),
      };
      for (const reply of await Promise.all(Object.values(replies))) {
        assertError(reply, "unavailable", 503);
        assert.equal(reply.headers.get("retry-after"), "5");
      }
    },
  );
  await api.postgrest.start();
  await context.step("PostgREST is back → the same session goes on, and nothing was revoked", async () => {
    assert.equal((await client.beat(token)).status, 200);
    const { liveness, revoked_at } = await client.agent(agent.id);
    assert.deepEqual({ liveness, revoked_at }, { liveness: "online", revoked_at: null });
  });
}

/** What Supabase sets for a function, and the secrets that its owner sets. */
async function userClient(base: string, api: SupabaseApi, sub: string): Promise<UserClient> {
  return new UserClient(base, await api.token({ sub, role: "authenticated", aud: "authenticated" }));
}

function environment(
  { url, secretKey, jwks }: Pick<SupabaseApi, "url" | "secretKey" | "jwks">,
): Record<string, string> {
  return {
    SUPABASE_URL: url,
    SUPABASE_SECRET_KEYS: JSON.stringify({ default: secretKey }),
    SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: "sb_publishable_for_the_tests" }),
    SUPABASE_JWKS: jwks,
    AGENT_JWT_KEYS: keys,
    AGENT_SESSION_TTL_SECONDS: "",
    OPENCLAW_PUBLIC_URL: "",
    OPENCLAW_TRUST_PROXY: "",
  };
}
