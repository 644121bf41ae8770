// deno-lint-ignore-file no-console -- a benchmark prints
import { gzipSync } from "node:zlib";
import { openPostgres } from "../../cli/serve/store/postgres.ts";
import {
  type AgentsAfter,
  type Database,
  databaseOver,
} from "../../supabase/functions/_shared/database/port.ts";
import { formatCursor } from "../../supabase/functions/_shared/http/pages.ts";
import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { execute } from "../_support/sql.ts";
import { median, percentile, row } from "./_numbers.ts";

// What a page of 200 of 100,000 agents (or of as many as it is told) takes, over Postgres: the first one, which counts them all, and those
// after it, in each order. By created_at the whole fleet is walked, while agents beat, and has to come once each.

const agents = Number(Deno.args[0] ?? 100_000);
const limit = 200;
const walkedPages = 25;
const filter = { liveness: null, labels: [], search: null };

const beat = {
  epoch: 1,
  status: "healthy",
  message: null,
  metrics: {},
  instanceId: null,
  seq: null,
  clockOffsetSeconds: null,
  work: null,
  backInSeconds: null,
};
const fleet = `
  insert into public.agents (
    name, labels, hostname, version, created_at
  )
  select 'web-' || i, jsonb_build_object('zone', (i % 10)::text), 'host-' || i, '1.0.0',
    now() - make_interval(secs => i / 10.0)
  from generate_series(1, ${agents}) as i;
  update public.agent_beats as b set
      last_seen_at = now() - make_interval(secs => substr(a.name, 5)::integer % 400),
      online_since = now() - interval '1 hour', heartbeats_count = 1, status = 'healthy',
      metrics = '{"cpu_percent": 12.5, "memory_percent": 40}'
    from public.agents as a where a.id = b.agent_id;
  vacuum analyze public.agents;
  vacuum analyze public.agent_beats;
`;

const bin = await findPostgres();
if (bin === null) console.log("left out: no Postgres is installed");
else {
  await using server = await startPostgres(bin);
  const address = await server.createDatabase();
  const store = await openPostgres(address);
  for (const statement of fleet.split(";")) await execute(address, statement);
  const database = databaseOver(store.call);
  console.log(row("ms", "first page", "median after it", "99 % after it", "pages"));
  await measure(database, { sort: "created_at", pages: agents / limit });
  for (const sort of ["-created_at", "name", "-name", "last_seen_at", "trouble"]) {
    await measure(database, { sort, pages: walkedPages });
  }
  await measureMetrics(database);
  for (const groupKey of [null, "zone"]) await measureMap(database, groupKey);
  await store.close();
}

/** What a scrape of GET /metrics asks for. */
async function measureMetrics(database: Database): Promise<void> {
  const times: number[] = [];
  for (let scrape = 0; scrape < walkedPages; scrape++) {
    const start = performance.now();
    await database.fleet.measure(null);
    times.push(performance.now() - start);
  }
  const [first = NaN, ...others] = times;
  const cells = [first, median(others), percentile(others, 99)].map((time) => time.toFixed(0));
  console.log(row("the metrics", ...cells, String(times.length)));
}

/** What GET /agents/map asks for, and what its reply takes on the wire. */
async function measureMap(database: Database, groupKey: string | null): Promise<void> {
  const times: number[] = [];
  let bytes = 0;
  for (let look = 0; look < walkedPages; look++) {
    const start = performance.now();
    const { marks, ...map } = await database.agents.map(null, { filter, groupKey, marksEvery: 1000 });
    times.push(performance.now() - start);
    bytes = gzipSync(JSON.stringify({ ...map, marks: marks.map(formatCursor) })).length;
  }
  const [first = NaN, ...others] = times;
  const cells = [first, median(others), percentile(others, 99)].map((time) => time.toFixed(0));
  const name = groupKey === null ? "the map" : `the map by ${groupKey}`;
  console.log(row(name, ...cells, String(times.length)), `${(bytes / 1024).toFixed(1)} KiB gzipped`);
}

async function measure(database: Database, { sort, pages }: { sort: string; pages: number }): Promise<void> {
  const times: number[] = [];
  const ids = new Set<string>();
  let after: AgentsAfter | null = null;
  do {
    const start = performance.now();
    const page = await database.agents.list(null, { filter, sort, page: { limit, after } });
    times.push(performance.now() - start);
    for (const { id } of page.rows) ids.add(id);
    const next: unknown = page.next;
    after = next === null ? null : JSON.parse(JSON.stringify(next));
    const beats = page.rows.slice(0, 10).map(({ id }) => ({ ...beat, agentId: id }));
    await database.heartbeats.record(beats);
  } while (after !== null && times.length < pages);
  const [first = NaN, ...others] = times;
  const cells = [first, median(others), percentile(others, 99)].map((time) => time.toFixed(0));
  console.log(row(sort, ...cells, String(times.length)));
  if (pages === agents / limit && (ids.size !== agents || after !== null)) {
    throw new Error(`${ids.size} agents came`);
  }
}
