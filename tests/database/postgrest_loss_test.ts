import assert from "node:assert/strict";
import type { Agent, Database } from "../../supabase/functions/_shared/database/port.ts";
import { ContractError } from "../../supabase/functions/_shared/http/errors.ts";
import { describe } from "../../supabase/functions/_shared/log.ts";
import { supabaseDatabase } from "../../supabase/functions/_shared/database/supabase.ts";
import { part } from "../_support/require.ts";
import { withSql } from "../_support/sql.ts";
import {
  findSupabaseApi,
  startSupabaseApi,
  type SupabaseApi,
  supabaseApiParts,
} from "../_support/supabase_api.ts";
import { pause, until } from "../_support/wait.ts";

const clients = 4;
const instance = "11111111-0000-4000-8000-000000000001";
const digest = `sha256:${"a".repeat(64)}`;

/** An agent under load: its beats, one after the other, and what was answered. */
interface Load {
  id: string;
  accepted: number;
  /** The seq of the last beat that was accepted. */
  lastAccepted: number;
  unavailable: number;
  sent: number;
}

const supabase = await part(supabaseApiParts, findSupabaseApi);

supabase.test(
  "a loss under load → unavailable meanwhile, good again, nothing acknowledged lost",
  async (parts, context) => {
    await using api = await startSupabaseApi(parts);
    const { postgrest, postgres } = api;
    await context.step("PostgREST is killed and started, twice", () =>
      underLoad(api, async (loads) => {
        for (let times = 0; times < 2; times++) {
          await everyone(loads, "accepted");
          await postgrest.kill();
          await everyone(loads, "unavailable");
          await postgrest.start();
        }
        await everyone(loads, "accepted");
      }));
    for (const mode of ["fast", "immediate"] as const) {
      await context.step(`Postgres is stopped (${mode}) and started`, () =>
        underLoad(api, async (loads) => {
          await everyone(loads, "accepted");
          await postgres.halt(mode);
          await everyone(loads, "unavailable");
          await postgres.start();
          await everyone(loads, "accepted");
        }));
    }
  },
);

/** Every agent beats as fast as it is answered, until the work is done; then the rows are compared with the answers. */
async function underLoad(api: SupabaseApi, work: (loads: Load[]) => Promise<void>): Promise<void> {
  const database = supabaseDatabase(api.url, api.secretKey);
  const loads: Load[] = [];
  for (let made = 0; made < clients; made++) {
    loads.push({ id: await enrol(database), accepted: 0, lastAccepted: 0, unavailable: 0, sent: 0 });
  }
  const stopping = new AbortController();
  const beating = Promise.all(loads.map((load) => beat(database, load, stopping.signal)));
  try {
    // A failure of the load is told before the wait for it is over.
    await Promise.race([work(loads), beating]);
  } finally {
    stopping.abort();
    await beating;
  }
  await assertKept(api.address, loads);
}

async function beat(database: Database, load: Load, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const seq = ++load.sent;
    const beat = {
      agentId: load.id,
      epoch: 1,
      status: "healthy",
      message: null,
      metrics: {},
      instanceId: instance,
      clockOffsetSeconds: null,
      work: null,
      backInSeconds: null,
    };
    try {
      assert.deepEqual(await database.heartbeats.record([{ ...beat, seq }]), [{
        heartbeatIntervalSeconds: 60,
      }]);
      load.accepted++;
      load.lastAccepted = seq;
    } catch (error) {
      assert.ok(error instanceof ContractError, describe(error));
      assert.equal(error.code, "unavailable");
      load.unavailable++;
      await pause(20);
    }
  }
}

/** Waits until each has had the answer five times more. */
async function everyone(loads: Load[], answer: "accepted" | "unavailable"): Promise<void> {
  const before = loads.map((load) => load[answer]);
  await until(
    `five more beats of each to be ${answer}`,
    () => loads.every((load, index) => load[answer] >= (before[index] ?? 0) + 5),
    { timeoutMs: 120_000 },
  );
}

/** What was acknowledged is there; what was not may be. */
async function assertKept(address: string, loads: Load[]): Promise<void> {
  const rows = await withSql(
    address,
    async (sql) =>
      await sql<{ id: string; count: number; seq: number }[]>`
      select agent_id as id, heartbeats_count::integer as count, last_seq::integer as seq from public.agent_beats`,
  );
  for (const load of loads) {
    const row = rows.find(({ id }) => id === load.id);
    assert.ok(row !== undefined, `the agent ${load.id} is lost`);
    assert.ok(row.count >= load.accepted && row.count <= load.sent, JSON.stringify({ load, row }));
    assert.ok(row.seq >= load.lastAccepted && row.seq <= load.sent, JSON.stringify({ load, row }));
  }
}

async function enrol(database: Database): Promise<Agent["id"]> {
  const agent = await database.agents.create({
    name: "an agent",
    labels: {},
    heartbeatIntervalSeconds: 60,
    progressDeadlineSeconds: null,
    ownerId: null,
    ownerLimit: null,
    secretDigest: digest,
    act: { actor: "key:default", address: null },
  });
  assert.ok(typeof agent === "object");
  return agent.id;
}
