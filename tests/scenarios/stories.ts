import assert from "node:assert/strict";
import {
  assertError,
  type CreatedAgent,
  FleetClient,
  record,
  type Reply,
  send,
  text,
} from "../_support/client.ts";
import { forge, forgeHs256, forgeUnsigned, readKey, soundClaims } from "../_support/forge.ts";
import { generateSigningKey } from "../../supabase/functions/_shared/keys.ts";
import { readMetrics, sampleOf } from "../_support/prometheus.ts";
import { agentSecret } from "../_support/vectors.ts";
import { until } from "../_support/wait.ts";
import { tellOperatorStory } from "../_support/operator_story.ts";
import { assertPartly } from "../_support/partly.ts";
import { enrollmentStories } from "./enrollment_stories.ts";
import { historyStories } from "./history_stories.ts";
import { processStories } from "./process_stories.ts";
import { secretStories } from "./secret_stories.ts";
import type { Stage } from "./stage.ts";
import { type Story, told } from "./story.ts";

const unknownAgent = "00000000-0000-4000-8000-000000000000";

const stories: Story[] = [
  told("an agent is created, shakes hands and beats → pending, then online", async ({ client, sql }) => {
    const agent = await client.createAgent({ name: "edge 1", labels: { site: "Linz" } });
    assert.equal((await client.agent(agent.id)).liveness, "pending");
    const reply = await client.handshake(agent, {
      client: { version: "1.0", hostname: "h", os: "linux", arch: "x64" },
    });
    assert.equal(reply.status, 200);
    assert.deepEqual(reply.body.agent, { id: agent.id, name: "edge 1" });
    assert.equal((await client.agent(agent.id)).liveness, "pending", "a handshake is no heartbeat");
    const beat = await client.beat(text(reply.body.token), {
      status: "degraded",
      message: "a\nb",
      metrics: { load_1m: 0.5 },
    });
    assert.equal(beat.status, 200);
    assert.equal(beat.body.ok, true);
    const seen = await client.agent(agent.id);
    assert.equal(seen.liveness, "online");
    assert.equal(seen.status, "degraded");
    assert.equal(seen.message, "a\nb");
    assert.deepEqual(seen.metrics, { load_1m: 0.5 });
    assert.equal(seen.hostname, "h");
    const events = await sql("select kind from public.agent_events order by id");
    assert.deepEqual(events.map(({ kind }) => kind), ["created", "first_handshake"]);
    const rows = await sql("select liveness, heartbeats_count::integer as beats from public.fleet");
    assert.deepEqual(rows.map((row) => ({ ...row })), [{ liveness: "online", beats: 1 }]);
    const scrape = await fetch(`${client.base}/metrics`, { headers: client.operator });
    const metrics = readMetrics(await scrape.text());
    assert.equal(sampleOf(metrics, "openclaw_agents", { liveness: "online" }), 1);
    assert.equal(sampleOf(metrics, "openclaw_heartbeats"), 1);
    assert.equal(sampleOf(metrics, "openclaw_requests_total", { endpoint: "heartbeat", status: "200" }), 1);
  }),
  told(
    "unknown id, wrong secret, no secret and revoked → refused alike, and no session is opened",
    async (fleet) => {
      const { client } = fleet;
      const [wrong, without, revoked] = [
        await client.createAgent(),
        await client.createAgent(),
        await client.createAgent(),
      ];
      await client.revoke(revoked.id);
      await fleet.sql(
        `update public.agents set agent_secret = null, secret_created_at = null where id = '${without.id}'`,
      );
      const replies = [
        await fleet.client.handshake({ id: unknownAgent, secret: wrong.secret }),
        await fleet.client.handshake({ id: wrong.id, secret: agentSecret }),
        await fleet.client.handshake(without),
        await fleet.client.handshake(revoked),
      ];
      for (const reply of replies) assertError(reply, "invalid_credentials", 401);
      for (const reply of replies) assert.deepEqual(withoutIds(reply), withoutIds(replies[0] ?? reply));
      const [row] = await fleet.sql("select sum(handshakes_count)::integer as opened from public.agents");
      assert.equal(row?.opened, 0);
    },
  ),
  told("a refused handshake is counted on the row of the agent that was named", async ({ client, sql }) => {
    const agent = await client.createAgent();
    assertError(await client.handshake({ ...agent, secret: agentSecret }), "invalid_credentials", 401);
    // It is written within the second after the reply.
    const row = await until("the count", async () => {
      const [found] = await sql(
        "select refused_handshakes_count::integer as refused, handshakes_count::integer as opened from public.agents",
      );
      return found?.refused === 0 ? null : found ?? null;
    });
    assert.deepEqual({ ...row }, { refused: 1, opened: 0 });
  }),
  told(
    "a revoked agent's session ends with its very next beat, and revoking twice is fine",
    async ({ client, sql }) => {
      const agent = await client.createAgent();
      const token = await client.session(agent);
      assert.equal((await client.beat(token)).status, 200);
      assert.equal((await client.revoke(agent.id)).body.liveness, "revoked");
      assertError(await client.beat(token), "session_revoked", 401);
      assertError(await send(`${client.base}/heartbeat`, { headers: bearer(token) }), "session_revoked", 401);
      assert.equal((await client.revoke(agent.id)).status, 200);
      const [row] = await sql(
        "select heartbeats_count::integer as beats, (select count(*)::integer from public.agent_events where kind = 'revoked') as events from public.agent_beats",
      );
      assert.deepEqual({ ...row }, { beats: 1, events: 1 });
    },
  ),
  told("a deleted agent's session ends with its very next beat", async (fleet) => {
    const agent = await fleet.client.createAgent();
    const token = await fleet.client.session(agent);
    await fleet.sql(`delete from public.agents where id = '${agent.id}'`);
    assertError(await fleet.client.beat(token), "session_revoked", 401);
    assertError(await fleet.client.revoke(agent.id), "not_found", 404);
  }),
  told("forged and stale tokens → refused, and no row changes", async ({ client, server, sql }) => {
    const agent = await client.createAgent();
    const key = await readKey(server.data);
    const claims = soundClaims(agent.id, "http://127.0.0.1:54321/functions/v1");
    const past = Number(claims.iat) - 1000;
    const stranger = { ...await generateSigningKey(), kid: key.kid };
    const forgeries: [string, string, string][] = [
      ["expired", await forge(key, { claims: { ...claims, iat: past, exp: past + 900 } }), "token_expired"],
      ["another key under our kid", await forge(stranger, { claims }), "token_invalid"],
      ["another key", await forge(await generateSigningKey(), { claims }), "token_invalid"],
      ["alg none", forgeUnsigned(claims), "token_invalid"],
      ["HS256 with the public key", await forgeHs256(key, claims), "token_invalid"],
      ["typ JWT", await forge(key, { header: { typ: "JWT" }, claims }), "token_invalid"],
      ["another iss", await forge(key, { claims: { ...claims, iss: server.base + "/" } }), "token_invalid"],
      ["another aud", await forge(key, { claims: { ...claims, aud: "authenticated" } }), "token_invalid"],
      ["epoch 2", await forge(key, { claims: { ...claims, epoch: 2 } }), "session_revoked"],
    ];
    for (const [what, token, code] of forgeries) {
      const reply = await client.beat(token);
      assert.equal(reply.body.error, code, what);
      assertError(reply, code, 401);
    }
    assert.equal((await client.beat(await forge(key, { claims }))).status, 200, "the sound one is taken");
    const [row] = await sql("select heartbeats_count::integer as beats from public.agent_beats");
    assert.equal(row?.beats, 1);
  }),
  told("32 handshakes and 200 heartbeats at once → nothing is lost", async ({ client, sql }) => {
    const agents = await Promise.all(Array.from({ length: 8 }, () => client.createAgent()));
    // A busy machine may answer 503, after which a client asks again; what it did not acknowledge may be there, too.
    let again = 0;
    const taken = async (ask: () => Promise<Reply>): Promise<Reply> => {
      for (let reply = await ask();; reply = await ask()) {
        if (reply.status !== 503) return reply;
        again += 1;
        assert.ok(again < 2000, "it was unavailable 2000 times");
      }
    };
    const sessions = await Promise.all(
      times(32, (index) => taken(() => client.handshake(at(agents, index % 8)))),
    );
    assert.deepEqual(sessions.map(({ status }) => status), times(32, () => 200));
    const beats = await Promise.all(times(200, (index) => {
      const token = text(at(sessions, index % 32).body.token);
      return taken(() => client.beat(token, { metrics: { cpu_percent: index } }));
    }));
    assert.deepEqual(beats.map(({ status }) => status), times(200, () => 200));
    const rows = await sql(
      "select handshakes_count::integer as handshakes, heartbeats_count::integer as beats from public.fleet",
    );
    assert.equal(rows.length, 8);
    const sum = (name: "handshakes" | "beats"): number =>
      rows.reduce((all, row) => all + Number(row[name]), 0);
    for (const { handshakes, beats } of rows) {
      assert.ok(Number(handshakes) >= 4 && Number(beats) >= 25, JSON.stringify(rows));
    }
    const more = sum("handshakes") - 32 + sum("beats") - 200;
    assert.ok(
      more <= again,
      `${more} more than the 232 that were acknowledged, and only ${again} asked again`,
    );
  }),
  told(
    "an operator's day: hosts enroll, are rotated, revoked and restored, cloned and adopted, deleted",
    (fleet) => tellOperatorStory(fleet.client).then(() => undefined),
  ),
  told("the older paths answer as the functions do", async ({ server, client }) => {
    const created = await send(`${server.url}/api/agents`, {
      headers: client.operator,
      body: { name: "older" },
    });
    assert.equal(created.status, 201);
    const listed = await send(`${server.url}/api/agents`, { headers: client.operator });
    assert.deepEqual(listed.body.agents, [created.body.agent]);
    const agent: CreatedAgent = {
      id: text(record(created.body.agent).id),
      secret: text(created.body.agent_secret),
    };
    const credentials = { agent_id: agent.id.toUpperCase(), agent_secret: agent.secret };
    const { body } = await send(`${server.url}/api/agents/handshake`, { body: credentials });
    const beat = await send(`${server.url}/api/heartbeat`, { headers: bearer(text(body.token)), body: {} });
    assert.equal(beat.body.ok, true);
  }),
  told(
    "a fleet is listed, muted, revoked, restored and deleted → each act is in its events",
    async ({ client }) => {
      const agents = await Promise.all(times(5, (index) => client.createAgent({ name: `web-${index}` })));
      const [one, other] = [at(agents, 0), at(agents, 1)];
      await client.beat(await client.session(one));
      const first = (await client.operate("agents?limit=3&sort=-name")).body;
      assert.deepEqual(first.counts, { online: 1, pending: 4 });
      const second =
        (await client.operate(`agents?limit=3&sort=-name&cursor=${text(first.next_cursor)}`)).body;
      assert.deepEqual(namesOf([first, second]), ["web-4", "web-3", "web-2", "web-1", "web-0"]);
      assert.deepEqual(second.next_cursor, null);
      assert.deepEqual(namesOf([(await client.operate("agents?liveness=online&q=WEB")).body]), ["web-0"]);

      const body = { name: "web zero", muted_until: "2030-01-01T00:00:00Z" };
      assert.equal(
        (await client.operate(`agents/${one.id}`, { method: "PATCH", body })).body.name,
        "web zero",
      );
      const token = await client.session(one);
      await client.act(one.id, "end-sessions");
      assertError(await client.beat(token), "session_revoked", 401);
      await client.revoke(one.id);
      assertError(await client.handshake(one), "invalid_credentials", 401);
      for (let index = 0; index < 2; index++) {
        assert.equal((await client.act(one.id, "restore")).body.liveness, "pending");
      }
      assert.equal((await client.beat(await client.session(one))).status, 200);
      assert.equal((await client.agent(one.id)).liveness, "online");

      const gone = `agents/${other.id}`;
      assertError(await client.operate(`${gone}?name=web`, { method: "DELETE" }), "conflict", 409);
      assert.equal((await client.operate(`${gone}?name=web-1`, { method: "DELETE" })).status, 200);
      assertError(await client.operate(gone), "not_found", 404);
      assertError(await client.handshake(other), "invalid_credentials", 401);
      assert.deepEqual(kindsOf((await client.operate(`${gone}/events`)).body), ["deleted", "created"]);
      assert.deepEqual(
        kindsOf((await client.operate(`agents/${one.id}/events`)).body),
        ["restored", "revoked", "sessions_ended", "edited", "muted", "first_handshake", "created"],
      );
      const deletions = (await client.operate("events?kind=deleted")).body.events;
      assert.ok(Array.isArray(deletions) && deletions.length === 1);
      assertPartly(deletions[0], {
        agent_name: "web-1",
        actor: "key:default",
        address: "127.0.0.1",
      });
    },
  ),
  told(
    "another operator's key, a user's token and no key → operator_required, and no row is made",
    async (fleet) => {
      const { client, server } = fleet;
      const stranger = new FleetClient(server.base, "sb_secret_somebody_else_000000000000000000");
      const body = { name: "mine" };
      for (const headers of [stranger.operator, {}, bearer("eyJhbGciOiJFUzI1NiIsImtpZCI6ImEifQ.e30.AAAA")]) {
        assertError(await send(`${server.base}/create-agent`, { headers, body }), "operator_required", 401);
      }
      const session = await client.session(await client.createAgent());
      assertError(
        await send(`${server.base}/create-agent`, { headers: bearer(session), body }),
        "operator_required",
        401,
      );
      const [row] = await fleet.sql("select count(*)::integer as agents from public.agents");
      assert.equal(row?.agents, 1);
    },
  ),
];

/** A reply without what differs in every one. */
function namesOf(pages: Record<string, unknown>[]): unknown[] {
  return pages.flatMap(({ agents }) =>
    Array.isArray(agents) ? agents.map((agent) => record(agent).name) : []
  );
}

function kindsOf({ events }: Record<string, unknown>): unknown[] {
  return Array.isArray(events) ? events.map((event) => record(event).kind) : [];
}

function withoutIds({ status, headers, body }: Reply): unknown {
  const kept = [...headers].filter(([name]) => !["x-request-id", "date"].includes(name));
  return { status, headers: kept, body: { ...body, request_id: null } };
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

function times<Value>(count: number, make: (index: number) => Value): Value[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

function at<Value>(list: Value[], index: number): Value {
  const value = list[index];
  assert.ok(value !== undefined);
  return value;
}

/** Plays the stories: those on the fleet that they share, and beside them those of the server's process. */
export async function playAll(
  stage: Stage,
  context: Deno.TestContext,
  ofProcess: Story[] = processStories,
): Promise<void> {
  // Steps that run at once cannot each watch what the others open.
  const together = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };
  const lanes = [[...stories, ...historyStories, ...secretStories, ...enrollmentStories], ofProcess];
  await Promise.all(lanes.map(async (lane) => {
    for (const { name, play } of lane) await context.step({ name, ...together, fn: () => play(stage) });
  }));
}
