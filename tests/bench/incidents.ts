// deno-lint-ignore-file no-console -- a benchmark prints
import { openPostgres } from "../../cli/serve/store/postgres.ts";
import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { execute, type Sql, withSql } from "../_support/sql.ts";
import { cpuOf } from "./_accounting.ts";
import { median, row } from "./_numbers.ts";

// What a tick costs Postgres with 100,000 agents: the CPU of its processes, by the system's own accounting, beside that
// of a count of the agents' beats in the same run. Each tick is rolled back, so that the next one finds the same. A tick
// in which so many agents change at once writes four rows of each, and is not held to the goal. Linux only.
//
//   deno task bench:incidents [--agents 100000]

const agents = Deno.args[0] === "--agents" ? Number(Deno.args[1]) : 100_000;
const gone = agents / 20;
const rounds = 5;
/** The system counts in hundredths of a second: each figure is the mean of so many. */
const inARow = 10;
const goalMs = 100;

const begin = `
  create table public.bench as select now() as ticked_at;
  grant select on public.bench to service_role
`;
const fleet = `
  insert into public.agents (name, labels)
    select 'web-' || i, jsonb_build_object('site', 'site-' || i % 50, 'rack', (i % 7)::text)
    from generate_series(1, ${agents}) as i;
  update public.agent_beats as b set
      heartbeats_count = 1, status = 'healthy', online_since = (select ticked_at from public.bench) - interval '1 hour', last_instance_id = b.agent_id,
      last_seen_at = (select ticked_at from public.bench) - place.number % 60 * interval '1 second',
      metrics = '{"cpu_percent": 3.25, "disk_percent": 70, "load_1m": 0.5, "memory_percent": 41.5, "uptime_seconds": 12345}'
    from (select agent_id, row_number() over () as number from public.agent_beats) as place
    where place.agent_id = b.agent_id;
  insert into public.channels (name, kind, settings) values ('chat', 'slack', '{}');
  vacuum (full, analyze) public.agents;
  vacuum (full, analyze) public.agent_beats
`;
/** The time of all that follows, which stands still: an agent that is well would be late in a minute. */
const at = "(select min(ticked_at) from public.bench)";
/** So many of the agents, last heard of at so many seconds before that. */
const silent = (seconds: number, count = gone): string => `
  update public.agent_beats as b set last_seen_at = ${at} - (${seconds} + place.number % 5) * interval '1 second'
    from (
      select agent_id, row_number() over (order by agent_id) as number from public.agent_beats order by agent_id limit ${count}
    ) as place
    where place.agent_id = b.agent_id;
  vacuum analyze public.agent_beats;
  vacuum analyze public.agent_troubles;
  vacuum analyze public.incident_agents
`;
const tick = `select public.tick(5, ${at})`;
const count = `select count(*) from public.agent_beats where last_seen_at < ${at} - interval '1 day'`;

const bin = await findPostgres();
if (bin === null || Deno.build.os !== "linux") console.log("left out: it takes Linux, and a Postgres");
else {
  await using server = await startPostgres(bin);
  const pid = await server.pid();
  const address = await server.createDatabase();
  await (await openPostgres(address)).close();
  const measured = (sql: Sql, what: string, asked = tick) => measure(sql, { what, asked, pid });
  let isWithin = true;
  await withSql(address, async (sql) => {
    console.log(row("milliseconds of CPU", "median", "least", "most"));
    await executeAll(address, begin);
    await sql.unsafe(tick);
    await measured(sql, "a tick without agents");
    await executeAll(address, fleet);
    await measured(sql, `a count of ${agents} rows`, count);
    isWithin = await measured(sql, "all well") && isWithin;
    await executeAll(address, silent(100, 1));
    isWithin = await measured(sql, "one late") && isWithin;
    // As time would have it: first they are late, and that is noted.
    await executeAll(address, silent(120));
    await measured(sql, `${gone} late at once`);
    await sql.unsafe(tick);
    await executeAll(address, silent(200));
    await measured(sql, `${gone} offline at once`);
    await sql.unsafe(tick);
    await executeAll(address, silent(200));
    isWithin = await measured(sql, `${gone} offline`) && isWithin;
    await executeAll(address, silent(20));
    await measured(sql, `${gone} back at once`);
  });
  console.log(isWithin ? `the usual ticks are within ${goalMs} ms` : `a usual tick is over ${goalMs} ms`);
  if (!isWithin) Deno.exitCode = 1;
}

async function executeAll(address: string, statements: string): Promise<void> {
  for (const statement of statements.split(";")) await execute(address, statement);
}

/** Whether it is within the goal. */
async function measure(
  sql: Sql,
  { what, asked, pid }: { what: string; asked: string; pid: number },
): Promise<boolean> {
  const costs: number[] = [];
  await rolledBack(sql, asked);
  for (let round = 0; round < rounds; round++) {
    const before = await cpuOf([pid]);
    for (let turn = 0; turn < inARow; turn++) await rolledBack(sql, asked);
    costs.push((await cpuOf([pid]) - before) / 1000 / inARow);
  }
  console.log(
    row(what, ...[median(costs), Math.min(...costs), Math.max(...costs)].map((ms) => ms.toFixed(1))),
  );
  return asked !== tick || median(costs) <= goalMs;
}

async function rolledBack(sql: Sql, asked: string): Promise<void> {
  await sql.unsafe("begin; set local role service_role");
  await sql.unsafe(asked);
  await sql.unsafe("rollback");
}
