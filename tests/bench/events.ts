// deno-lint-ignore-file no-console -- a benchmark prints
import { openPostgres } from "../../cli/serve/store/postgres.ts";
import { type Database, databaseOver } from "../../supabase/functions/_shared/database/port.ts";
import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { execute } from "../_support/sql.ts";
import { median, row } from "./_numbers.ts";

// What the first page of 1,000,000 events takes, over Postgres: of all of them, of a kind that has nearly all, of kinds
// that have a few or a hundredth, all of them long ago, and of a kind that has none.
//
//   deno task bench:events [--events 1000000]

const count = Deno.args[0] === "--events" ? Number(Deno.args[1]) : 1_000_000;
const owner = "a0000000-0000-4000-8000-000000000001";
const history = `
  insert into auth.users (id) values ('${owner}');
  insert into public.agent_events (agent_id, owner_id, agent_name, happened_at, kind, actor, detail)
  select md5((i % 10000)::text)::uuid, case when i % 2 = 0 then '${owner}'::uuid end, 'web-' || i % 10000,
    now() - make_interval(secs => ${count} - i),
    case when i <= 5 then 'deleted' when i <= ${count} / 100 then 'enrolled' else 'edited' end,
    'key:default', '{"name": "web"}'
  from generate_series(1, ${count}) as i;
  vacuum analyze public.agent_events;
`;
const asked: [what: string, kinds: string[] | null, owner: string | null][] = [
  ["all", null, null],
  ["nearly all", ["edited"], null],
  ["a few", ["deleted"], null],
  ["a hundredth", ["enrolled"], null],
  ["none", ["copy_seen"], null],
  ["these four", ["edited", "deleted", "enrolled", "copy_seen"], null],
  ["all of an owner", null, owner],
  ["a few of an owner", ["deleted"], owner],
  ["none of an owner", ["copy_seen"], owner],
];

const bin = await findPostgres();
if (bin === null) console.log("left out: no Postgres is installed");
else {
  await using server = await startPostgres(bin);
  const address = await server.createDatabase();
  const store = await openPostgres(address);
  for (const statement of history.split(";")) await execute(address, statement);
  const database = databaseOver(store.call);
  console.log(row(`${count} events`, "ms for 50", "rows"));
  for (const [what, kinds, ownerId] of asked) await measure(database, { what, kinds, ownerId });
  await store.close();
}

async function measure(
  database: Database,
  { what, kinds, ownerId }: { what: string; kinds: string[] | null; ownerId: string | null },
): Promise<void> {
  const times: number[] = [];
  let rows = 0;
  for (let round = 0; round < 15; round++) {
    const start = performance.now();
    const listed = await database.events.list(ownerId, {
      agentId: null,
      kinds,
      page: { limit: 50, after: null },
    });
    times.push(performance.now() - start);
    rows = listed?.rows.length ?? 0;
  }
  console.log(row(what, median(times).toFixed(1), String(rows)));
}
