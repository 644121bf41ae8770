import assert from "node:assert/strict";
import type { Agent, Database } from "../../supabase/functions/_shared/database/port.ts";
import { supabaseDatabase } from "../../supabase/functions/_shared/database/supabase.ts";
import { part } from "../_support/require.ts";
import {
  findSupabaseApi,
  startSupabaseApi,
  type SupabaseApi,
  supabaseApiParts,
} from "../_support/supabase_api.ts";

const digest = `sha256:${"a".repeat(64)}`;

/** What everybody who may read agents at all reads of them. */
const readable = [
  ...["id", "owner_id", "name", "labels", "heartbeat_interval_seconds", "created_at", "version", "hostname"],
  ...["os", "arch", "revoked_at", "last_handshake_at", "handshakes_count", "last_refused_at"],
  "refused_handshakes_count",
  ...[
    "progress_deadline_seconds",
    "muted_until",
    "restored_at",
    "supports",
  ],
  ...["secret_created_at", "previous_secret_expires_at", "pending_secret_created_at", "last_secret"],
  "last_refusal",
];

const beatLists = [
  ...["agent_ids", "epochs", "statuses", "messages", "metrics", "instance_ids", "seqs", "clock_offsets"],
  ...["busies", "progresses", "backs_in"],
];

type Ask = (path: string, init?: { method?: string; body?: unknown; prefer?: string }) => Promise<Answer>;

interface Answer {
  status: number;
  /** PostgREST's or Postgres's code, or null. */
  code: unknown;
  rows: unknown;
}

interface Fleet {
  mine: Agent;
  theirs: Agent;
  nobodys: Agent;
}

/** Requests that only somebody with another role may make: in its method, path and body. */
const writes: Record<string, [path: string, init: { method: string; body?: unknown; prefer?: string }]> = {
  "insert an agent": ["agents", { method: "POST", body: { name: "x" } }],
  "insert an agent over another": [
    "agents?on_conflict=id",
    { method: "POST", body: { id: "<mine>", name: "x" }, prefer: "resolution=merge-duplicates" },
  ],
  "change an agent's name": ["agents?id=eq.<mine>", { method: "PATCH", body: { name: "x" } }],
  "change an agent's owner": ["agents?id=eq.<mine>", { method: "PATCH", body: { owner_id: null } }],
  "change an agent's digest": ["agents?id=eq.<mine>", { method: "PATCH", body: { agent_secret: digest } }],
  "delete an agent": ["agents?id=eq.<mine>", { method: "DELETE" }],
  "write through the fleet": ["fleet?id=eq.<mine>", { method: "PATCH", body: { name: "x" } }],
  "change an event": ["agent_events?agent_id=eq.<mine>", { method: "PATCH", body: { actor: "agent" } }],
  "delete an event": ["agent_events?agent_id=eq.<mine>", { method: "DELETE" }],
};

/** What the functions do as the service role, so that a secret API key may, too. */
const serviceMay = ["change an agent's name", "change an agent's digest", "delete an agent"];

const serviceOnly: typeof writes = {
  "add an event": [
    "agent_events",
    { method: "POST", body: { agent_id: "<mine>", kind: "revoked", actor: "agent" } },
  ],
  "call get_agent": ["rpc/get_agent", { method: "POST", body: { agent_id: "<mine>", owner_id: null } }],
  "call revoke_agent": [
    "rpc/revoke_agent",
    { method: "POST", body: { agent_id: "<mine>", owner_id: null, act: {} } },
  ],
  "call record_heartbeats": ["rpc/record_heartbeats", {
    method: "POST",
    body: Object.fromEntries(beatLists.map((name) => [name, []])),
  }],
};

/** Ways to the digest that do not name it in the reply. */
const digestReads = [
  "agents?select=agent_secret",
  "agent_beats?select=session_epoch",
  "agents?select=*",
  "agents?select=id&agent_secret=like.sha256:a*",
  "agents?select=id&order=agent_secret",
];

const supabase = await part(supabaseApiParts, findSupabaseApi);

supabase.test(
  "each role may do through PostgREST what is promised, and nothing else",
  async (parts, context) => {
    await using api = await startSupabaseApi(parts);
    const fleet = await makeFleet(supabaseDatabase(api.url, api.secretKey), api);
    const [mine, theirs] = api.userIds;
    await context.step("anon reads nothing, writes nothing, calls nothing", async () => {
      const ask = asking(api, { apikey: api.publishableKey });
      for (const path of ["agents?select=id", "agent_events?select=id", "fleet?select=id", ...digestReads]) {
        assert.deepEqual(codeOf(await ask(path)), [401, "42501"], path);
      }
      await assertDenied(ask, { ...writes, ...serviceOnly }, { fleet, status: 401 });
    });
    for (const [who, user, own] of [["a user", mine, "mine"], ["another user", theirs, "theirs"]] as const) {
      const ask = await askingAs(api, { sub: user });
      const ownId = fleet[own].id;
      await context.step(
        `${who} reads their own agents in full but for digest and epoch, and no others`,
        async () => {
          const { status, rows } = await ask(`agents?select=${readable.join()}`);
          assert.equal(status, 200);
          assert.ok(Array.isArray(rows) && rows.length === 1);
          assert.partialDeepStrictEqual(rows[0], { id: ownId, owner_id: user, name: own });
          assert.deepEqual(Object.keys(rows[0]).sort(), readable.toSorted());
        },
      );
      await context.step(
        `${who} reads their own fleet and events, and no others, by ids either`,
        async () => {
          assert.deepEqual((await ask("fleet?select=id,liveness")).rows, [{
            id: ownId,
            liveness: "pending",
          }]);
          const events = [{ agent_id: ownId, kind: "created" }];
          assert.deepEqual((await ask("agent_events?select=agent_id,kind")).rows, events);
          for (const { id } of Object.values(fleet).filter(({ id }) => id !== ownId)) {
            assert.deepEqual((await ask(`agents?select=id&id=eq.${id}`)).rows, []);
            assert.deepEqual((await ask(`agent_events?select=id&agent_id=eq.${id}`)).rows, []);
          }
        },
      );
      await context.step(`${who} reads no digest and no epoch, writes nothing, calls nothing`, async () => {
        for (const path of digestReads) assert.deepEqual(codeOf(await ask(path)), [403, "42501"], path);
        await assertDenied(ask, { ...writes, ...serviceOnly }, { fleet, status: 403 });
      });
    }
    await context.step("a token that names no user reads no agent, not even nobody's", async () => {
      const ask = await askingAs(api, {});
      assert.deepEqual(await ask("agents?select=id"), { status: 200, code: undefined, rows: [] });
    });
    await context.step("the service role reads every agent and digest, and calls", async () => {
      const ask = asking(api, { apikey: api.secretKey });
      const rows = Object.values(fleet).map(({ id }) => ({ id, agent_secret: digest }));
      assert.deepEqual((await ask("agents?select=id,agent_secret&order=name")).rows, rows);
      assert.deepEqual(
        (await ask("rpc/get_agent", {
          method: "POST",
          body: { agent_id: fleet.mine.id, owner_id: null },
        })).rows,
        fleet.mine,
      );
    });
    await context.step(
      "the service role changes no owner and no event, and deletes no event",
      async () => {
        const { "insert an agent": _, ...others } = Object.fromEntries(
          Object.entries(writes).filter(([name]) => !serviceMay.includes(name)),
        );
        await assertDenied(asking(api, { apikey: api.secretKey }), others, { fleet, status: 403 });
      },
    );
    await context.step("a broken constraint → 400 23514, and no row", async () => {
      const ask = asking(api, { apikey: api.secretKey });
      const { status, code } = await ask("agents", { method: "POST", body: { name: "" } });
      assert.deepEqual([status, code], [400, "23514"]);
    });
    await context.step("tables of other schemas are not there", async () => {
      const ask = asking(api, { apikey: api.secretKey });
      assert.equal((await ask("users?select=id")).status, 404);
    });
    await context.step("after all that, every agent and event is as it was", async () => {
      const database = supabaseDatabase(api.url, api.secretKey);
      for (const agent of Object.values(fleet)) {
        assert.deepEqual(await database.agents.get(agent.id, null), agent);
      }
      const { rows } = await asking(api, { apikey: api.secretKey })("agent_events?select=kind,actor");
      assert.deepEqual(rows, Array.from({ length: 3 }, () => ({ kind: "created", actor: "key:default" })));
    });
  },
);

async function assertDenied(
  ask: Ask,
  requests: typeof writes,
  { fleet, status }: { fleet: Fleet; status: number },
): Promise<void> {
  for (const [name, [path, init]] of Object.entries(requests)) {
    const body: unknown = JSON.parse(JSON.stringify(init.body ?? null).replace("<mine>", fleet.mine.id));
    const sent = init.body === undefined ? init : { ...init, body };
    // Nobody's right to write is asked where a view cannot be written to at all.
    const wanted = path.startsWith("fleet") ? [500, "55000"] : [status, "42501"];
    assert.deepEqual(codeOf(await ask(path.replace("<mine>", fleet.mine.id), sent)), wanted, name);
  }
}

function codeOf({ status, code }: Answer): [number, unknown] {
  return [status, code];
}

async function askingAs(api: SupabaseApi, claims: Record<string, unknown>): Promise<Ask> {
  const authorization = `Bearer ${await api.token({
    role: "authenticated",
    aud: "authenticated",
    ...claims,
  })}`;
  return asking(api, { apikey: api.publishableKey, authorization });
}

function asking(api: SupabaseApi, credential: Record<string, string>): Ask {
  return async (path, { method = "GET", body, prefer } = {}) => {
    const response = await fetch(`${api.url}/rest/v1/${path}`, {
      method,
      headers: {
        ...credential,
        "content-type": "application/json",
        ...(prefer === undefined ? {} : { prefer }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const rows: unknown = JSON.parse(await response.text() || "null");
    const code = typeof rows === "object" && rows !== null && "code" in rows ? rows.code : undefined;
    return { status: response.status, code, rows };
  };
}

/** An agent of each user, and one that nobody owns. */
async function makeFleet(database: Database, { userIds: [mine, theirs] }: SupabaseApi): Promise<Fleet> {
  const make = async (name: string, ownerId: string | null): Promise<Agent> => {
    const agent = await database.agents.create({
      name,
      labels: {},
      heartbeatIntervalSeconds: 60,
      progressDeadlineSeconds: null,
      ownerId,
      ownerLimit: null,
      secretDigest: digest,
      act: { actor: "key:default", address: null },
    });
    assert.ok(typeof agent === "object");
    return agent;
  };
  return {
    mine: await make("mine", mine),
    nobodys: await make("nobodys", null),
    theirs: await make("theirs", theirs),
  };
}
