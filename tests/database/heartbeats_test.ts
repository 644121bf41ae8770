import assert from "node:assert/strict";
import { openPostgres } from "../../cli/serve/store/postgres.ts";
import {
  type Beat,
  type Database,
  databaseOver,
  type Verdict,
} from "../../supabase/functions/_shared/database/port.ts";
import { findPostgres, startPostgres, type TestPostgres } from "../_support/postgres.ts";
import { plainBeat, recordBeats } from "../_support/record_beats.ts";
import { part } from "../_support/require.ts";
import { execute, someWait, withSql } from "../_support/sql.ts";
import { pause } from "../_support/wait.ts";

const writers = 8;
const rounds = 60;
const instance = "11111111-0000-4000-8000-000000000001";

interface Told {
  beat: Beat;
  accepted: boolean;
}

const postgres = await part("Postgres 15 or later", findPostgres);

postgres.test("heartbeats that wait for each other's rows", async (bin, context) => {
  await using server = await startPostgres(bin);
  await context.step(
    "8 connections with the same agents in different orders, while others revoke → a verdict for every beat, and counts that add up",
    () => withDatabases(server, writers + 1, beatAtOnce),
  );
  for (const [when, isAnalyzed] of [["", false], [", with statistics of them", true]] as const) {
    await context.step(
      `two agents, by 8 connections in either order${when} → a verdict for every beat`,
      () => withDatabases(server, writers, (address, clients) => beatTwo(address, clients, { isAnalyzed })),
    );
  }
  await context.step(
    "an ordinary beat that waits for its row → ordinary no more when its session was ended, or a later one came",
    () => withDatabases(server, 2, endMeanwhile),
  );
  await context.step(
    "a first beat that is overtaken while it waits for its row → a verdict, and it unsays nothing",
    () => withDatabases(server, 1, overtake),
  );
});

/** So many adapters, each with connections of its own, over one new database. */
async function withDatabases(
  server: TestPostgres,
  count: number,
  work: (address: string, databases: Database[]) => Promise<void>,
): Promise<void> {
  const address = await server.createDatabase();
  const stores = await Promise.all(Array.from({ length: count }, () => openPostgres(address)));
  try {
    await work(address, stores.map(({ call }) => databaseOver(call)));
  } finally {
    for (const store of stores) await store.close();
  }
  // Also those that a call has got over by itself.
  assert.deepEqual(
    await withSql(address, async (sql) => [
      ...await sql`select deadlocks::integer from pg_stat_database where datname = current_database()`,
    ]),
    [{ deadlocks: 0 }],
  );
}

/** Of so few agents, where it knows that, Postgres would read the whole table, and lock its rows as they lie in it. */
async function beatTwo(
  address: string,
  clients: Database[],
  { isAnalyzed }: { isAnalyzed: boolean },
): Promise<void> {
  const [first] = clients;
  assert.ok(first !== undefined);
  const agents = await enrol(first, 2);
  const newest = new Map(agents.map((id) => [id, 0]));
  const listOf = (ids: string[]): Beat[] =>
    shuffled(ids).map((id) => ({ ...makeBeat(id, newest), epoch: 1 }));
  await first.heartbeats.record(listOf(agents));
  if (isAnalyzed) await execute(address, "vacuum analyze public.agent_beats");
  let ordinary = 0;
  await Promise.all(clients.map(async (client) => {
    for (let round = 0; round < rounds; round++) {
      // A beat by itself has its row go behind the other one in the table.
      const beats = listOf(Math.random() < 0.5 ? agents : shuffled(agents).slice(1));
      const verdicts = await client.heartbeats.recordOrdinary(beats);
      ordinary += verdicts.filter((verdict) => verdict !== null).length;
      const others = await client.heartbeats.record(beats.filter((_, place) => verdicts[place] === null));
      assert.ok(others.every((verdict) => verdict !== null));
    }
  }));
  assert.ok(ordinary > rounds, `${ordinary} were ordinary`);
}

async function endMeanwhile(address: string, [operator, database]: Database[]): Promise<void> {
  assert.ok(operator !== undefined && database !== undefined);
  const [id = ""] = await enrol(operator, 1);
  const beat = (seq: number): Beat => plainBeat(id, { instanceId: instance, seq });
  const recorded = { heartbeatIntervalSeconds: 60 };
  const meanwhile = async (statement: string, seq: number): Promise<Verdict[]> =>
    await withSql(address, async (sql) => {
      await sql`begin`;
      await sql.unsafe(statement);
      const waiting = database.heartbeats.recordOrdinary([beat(seq)]);
      await someWait(address);
      await sql`commit`;
      return await waiting;
    });
  assert.deepEqual(await database.heartbeats.recordOrdinary([beat(1)]), [null], "its first one");
  assert.deepEqual(await database.heartbeats.record([beat(1)]), [recorded]);
  assert.deepEqual(await database.heartbeats.recordOrdinary([beat(2)]), [recorded]);
  const later = `update public.agent_beats set last_seq = 9, heartbeats_count = heartbeats_count + 1`;
  assert.deepEqual(await meanwhile(later, 8), [null]);
  assert.deepEqual(await meanwhile("update public.agent_beats set busy = busy", 10), [recorded]);
  assert.deepEqual(await meanwhile("update public.agents set revoked_at = now()", 11), [null]);
  const rows = await withSql(
    address,
    async (sql) => [...await sql`select heartbeats_count, last_seq from public.agent_beats`],
  );
  assert.deepEqual(rows, [{ heartbeats_count: "4", last_seq: "10" }]);
}

async function overtake(address: string, [database]: Database[]): Promise<void> {
  assert.ok(database !== undefined);
  const [agentId = ""] = await enrol(database, 1);
  const beat: Beat = { ...makeBeat(agentId, new Map()), epoch: 1 };
  const waiting = await withSql(address, async (sql) => {
    await sql`begin`;
    await sql.unsafe(
      `select public.record_heartbeats('{${agentId}}', '{1}', '{healthy}', '{the later}', array['{}'], '{${instance}}', '{9}', '{null}', '{null}', '{null}', '{null}')`,
    );
    const overtaken = database.heartbeats.record([{ ...beat, seq: 8, message: "the overtaken" }]);
    await someWait(address);
    await sql`commit`;
    return overtaken;
  });
  assert.deepEqual(waiting, [{ heartbeatIntervalSeconds: 60 }]);
  const rows = await withSql(
    address,
    async (sql) => [...await sql`select heartbeats_count, message, last_seq from public.agent_beats`],
  );
  assert.deepEqual(rows, [{ heartbeats_count: "2", message: "the later", last_seq: "9" }]);
}

async function beatAtOnce(address: string, [operator, ...clients]: Database[]): Promise<void> {
  assert.ok(operator !== undefined && clients.length === writers);
  const agents = await enrol(operator, 24);
  const revokedBefore = agents.slice(0, 4);
  const revokedMeanwhile = agents.slice(4, 12);
  for (const id of revokedBefore) {
    await operator.agents.revoke(id, { ownerId: null, act: { actor: "key:default", address: null } });
  }
  const seqs = new Map(agents.map((id) => [id, 0]));
  let isRevoking = true;
  const revoked = revokeSlowly(operator, revokedMeanwhile).finally(() => isRevoking = false);
  const mayEnd = (): boolean => !isRevoking;
  const told = await Promise.all(clients.map((client) => beatInRounds(client, { agents, seqs, mayEnd })));
  await revoked;
  await assertRows(address, told.flat(), { revoked: [...revokedBefore, ...revokedMeanwhile] });
}

async function enrol(database: Database, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let made = 0; made < count; made++) {
    const agent = await database.agents.create({
      name: `agent ${made}`,
      labels: {},
      heartbeatIntervalSeconds: 60,
      progressDeadlineSeconds: null,
      ownerId: null,
      ownerLimit: null,
      secretDigest: `sha256:${"a".repeat(64)}`,
      act: { actor: "key:default", address: null },
    });
    assert.ok(typeof agent === "object");
    ids.push(agent.id);
  }
  return ids;
}

/** Sends lists of all agents, shuffled, with wrong epochs and ids that nobody has; the last once it may end. */
async function beatInRounds(
  client: Database,
  { agents, seqs, mayEnd }: { agents: string[]; seqs: Map<string, number>; mayEnd: () => boolean },
): Promise<Told[]> {
  const told: Told[] = [];
  for (let round = 1;; round++) {
    const isLast = round >= rounds && mayEnd();
    const beats = shuffled(agents).map((agentId) => makeBeat(agentId, seqs));
    beats.push({ ...makeBeat(agents[0] ?? "", new Map()), agentId: crypto.randomUUID() });
    const verdicts = await recordBeats(client, beats);
    assert.equal(verdicts.length, beats.length);
    beats.forEach((beat, place) => told.push({ beat, accepted: verdicts[place] !== null }));
    if (isLast) return told;
  }
}

function makeBeat(agentId: string, seqs: Map<string, number>): Beat {
  const seq = (seqs.get(agentId) ?? 0) + 1;
  seqs.set(agentId, seq);
  return {
    agentId,
    epoch: Math.random() < 0.1 ? 9 : 1,
    status: "healthy",
    message: `beat ${seq}`,
    metrics: { latency_ms: seq },
    instanceId: instance,
    seq,
    clockOffsetSeconds: null,
    work: null,
    backInSeconds: null,
  };
}

async function revokeSlowly(operator: Database, ids: string[]): Promise<void> {
  for (const id of ids) {
    await pause(40);
    await operator.agents.revoke(id, { ownerId: null, act: { actor: "key:default", address: null } });
  }
}

interface Row {
  id: string;
  heartbeats_count: string;
  message: string | null;
  last_seq: string | null;
}

async function assertRows(
  address: string,
  told: readonly Told[],
  { revoked }: { revoked: string[] },
): Promise<void> {
  const rows = await withSql(
    address,
    async (sql) =>
      await sql<Row[]>`select agent_id as id, heartbeats_count, message, last_seq from public.agent_beats`,
  );
  let refusedAgents = 0;
  for (const { id, heartbeats_count, message, last_seq } of rows) {
    const accepted = told.filter(({ beat, accepted }) => beat.agentId === id && accepted);
    const last = Math.max(0, ...accepted.map(({ beat }) => beat.seq ?? 0));
    assert.equal(Number(heartbeats_count), accepted.length, `the count of ${id}`);
    assert.equal(Number(last_seq ?? 0), last, `the last seq of ${id}`);
    assert.equal(message, accepted.length === 0 ? null : `beat ${last}`);
    const soundEpoch = told.filter(({ beat }) => beat.agentId === id && beat.epoch === 1);
    if (revoked.includes(id)) refusedAgents += Number(accepted.length < soundEpoch.length);
    else assert.equal(accepted.length, soundEpoch.length, `every beat of ${id} in its epoch`);
  }
  assert.equal(refusedAgents, revoked.length, "every revoked agent was refused in the end");
  const known = new Set(rows.map(({ id }) => id));
  assert.ok(told.every(({ beat, accepted }) => !accepted || beat.epoch === 1 && known.has(beat.agentId)));
}

function shuffled<Item>(items: Item[]): Item[] {
  return items.map((item) => ({ item, key: Math.random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
