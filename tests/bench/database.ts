// deno-lint-ignore-file no-console -- a benchmark prints
import { openPostgres } from "../../cli/serve/store/postgres.ts";
import { type Beat, type Database, databaseOver } from "../../supabase/functions/_shared/database/port.ts";
import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { execute, withSql } from "../_support/sql.ts";
import { median, row } from "./_numbers.ts";
import { cpuOf } from "./_accounting.ts";

// What a beat and a handshake cost Postgres: the microseconds of CPU of its processes for each, by the system's own
// accounting, one at a time and in lists of 100; behind a plus, those of the caller and its driver. Linux only.
//
//   deno task bench:database [--agents 200]

const count = Deno.args[0] === "--agents" ? Number(Deno.args[1]) : 200;
const inList = 100;
const rounds = 3;
const secretDigest = `sha256:${"a".repeat(64)}`;
const fleet = `
  insert into public.agents (name, agent_secret, secret_created_at, labels)
  select 'web-' || i, '${secretDigest}', now(), '{"site": "Linz", "rack": "7"}' from generate_series(1, ${count}) as i;
  vacuum analyze public.agents;
  vacuum analyze public.agent_beats;
`;
const metrics = {
  load_1m: 0.5,
  memory_percent: 41.5,
  disk_percent: 70,
  cpu_percent: 3.25,
  uptime_seconds: 12345,
};

/** Beats or handshakes of these agents, in one call. */
type Work = (database: Database, ids: string[], turn: number) => Promise<unknown>;

const works: [what: string, work: Work, before?: string][] = [
  ["a beat", (database, ids, turn) => recordOrdinary(database, ids.map((id) => beat(id, turn)))],
  [
    "a beat that leaves no history",
    (database, ids, turn) => recordOrdinary(database, ids.map((id) => beat(id, turn))),
    "update public.history_settings set days = 0",
  ],
  ["a beat that tells of work", (database, ids, turn) =>
    recordOrdinary(
      database,
      ids.map((id) => ({ ...beat(id, turn), work: { busy: true, progress: turn } })),
    )],
  [
    "a beat as one that is not ordinary",
    (database, ids, turn) => database.heartbeats.record(ids.map((id) => beat(id, turn))),
  ],
  ["a handshake", (database, ids) =>
    database.sessions.openAll(ids.map((agentId) => ({
      agentId,
      secretDigest,
      instanceId: agentId,
      client: { version: "0.1.0", hostname: "web", os: "linux", arch: "x86_64" },
      address: "192.0.2.1",
    })))],
];

function beat(agentId: string, turn: number): Beat {
  return {
    agentId,
    epoch: 1,
    status: "healthy",
    message: null,
    metrics,
    instanceId: agentId,
    seq: turn,
    clockOffsetSeconds: 0,
    work: null,
    backInSeconds: null,
  };
}

/** The first one of each agent is not ordinary. */
async function recordOrdinary(database: Database, beats: Beat[]): Promise<void> {
  const verdicts = await database.heartbeats.recordOrdinary(beats);
  const others = beats.filter((_, place) => verdicts[place] === null);
  if (others.length > 0) await database.heartbeats.record(others);
}

let turns = 0;

const bin = await findPostgres();
if (bin === null || Deno.build.os !== "linux") console.log("left out: it takes Linux, and a Postgres");
else {
  await using server = await startPostgres(bin);
  const address = await server.createDatabase();
  const store = await openPostgres(address);
  for (const statement of fleet.split(";")) await execute(address, statement);
  const ids = await withSql(
    address,
    async (sql) =>
      (await sql`select id::text from public.agents order by random()`).map(({ id }) => String(id)),
  );
  const database = databaseOver(store.call);
  const pid = await server.pid();
  console.log(row(`${count} agents, microseconds of CPU`, "alone", `in a list of ${inList}`));
  for (const [what, work, before = "update public.history_settings set days = 30"] of works) {
    await execute(address, before);
    await execute(address, "truncate public.history_beats");
    const figures: string[] = [];
    for (const length of [1, inList]) {
      const seen: number[][] = [];
      await costOf(() => callOver(database, { ids, length, work }), [pid, Deno.pid]);
      for (let round = 0; round < rounds; round++) {
        seen.push(await costOf(() => callOver(database, { ids, length, work }), [pid, Deno.pid]));
      }
      figures.push(
        [0, 1].map((place) => median(seen.map((costs) => costs[place] ?? NaN)).toFixed(0)).join(" + "),
      );
    }
    console.log(row(what, ...figures));
  }
  await store.close();
}

/** As many calls as take a second or two, one after the other; returns of how many agents they were. */
async function callOver(
  database: Database,
  { ids, length, work }: { ids: string[]; length: number; work: Work },
): Promise<number> {
  const end = performance.now() + 2000;
  let done = 0;
  while (performance.now() < end) {
    const start = done % ids.length;
    const part = ids.slice(start, start + length);
    await work(database, part, ++turns);
    done += part.length;
  }
  return done;
}

/** What each of these processes, with its children, takes for one of them. */
async function costOf(work: () => Promise<number>, pids: number[]): Promise<number[]> {
  const before = await Promise.all(pids.map((pid) => cpuOf([pid])));
  const done = await work();
  const after = await Promise.all(pids.map((pid) => cpuOf([pid])));
  return after.map((micros, place) => (micros - (before[place] ?? NaN)) / done);
}
