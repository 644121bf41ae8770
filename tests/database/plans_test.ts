import assert from "node:assert/strict";
import postgresJs from "postgres";
import { openPostgres } from "../../cli/serve/store/postgres.ts";
import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { part } from "../_support/require.ts";
import { execute } from "../_support/sql.ts";

const postgres = await part("Postgres 15 or later", findPostgres);

const fleet = `
  insert into public.agents (name) select 'web-' || i from generate_series(1, 500) as i;
  update public.agent_beats set heartbeats_count = 1, status = 'healthy', last_seen_at = now(),
    online_since = now() - interval '1 hour';
  vacuum analyze public.agents;
  vacuum analyze public.agent_beats;
`;

/** As if every look at a few agents were one at very many of them; and each plan is told, those within functions, too. */
const settings = `
  load 'auto_explain';
  set auto_explain.log_min_duration = 0;
  set auto_explain.log_nested_statements = on;
  set client_min_messages = log;
  set jit = on;
  set jit_above_cost = 0;
  set min_parallel_table_scan_size = 0;
  set parallel_setup_cost = 0;
  set parallel_tuple_cost = 0;
`;

const everything = `'{"liveness": null, "labels": [], "search": null}'`;
/** What is asked again and again of all agents. */
const looks = [
  "select public.tick()",
  "select public.fleet_metrics(null)",
  "select public.count_agents()",
  `select public.list_agents(null, ${everything}, 'trouble', 10, null)`,
  `select public.map_agents(null, ${everything}, null, 60)`,
];

postgres.test("a look at all agents → is not compiled; the tick's takes no other processor from the beats", async (bin) => {
  await using server = await startPostgres(bin);
  const address = await server.createDatabase();
  await (await openPostgres(address)).close();
  for (const statement of fleet.split(";")) await execute(address, statement);
  const told: string[] = [];
  const sql = postgresJs(address, { max: 1, onnotice: ({ message = "" }) => void told.push(message) });
  /** Of those of its statements that read what beats change. */
  const plansOf = async (statement: string): Promise<string> => {
    told.length = 0;
    await sql.unsafe(statement);
    return told.filter((plan) => / on agent_beats\b/.test(plan)).join("\n");
  };
  try {
    await sql.unsafe(settings).simple();
    const [{ compiles } = { compiles: false }] = await sql<
      { compiles: boolean }[]
    >`select pg_jit_available() as compiles`;
    const plain = await plansOf("select count(*) from public.agent_beats where last_seen_at < now()");
    assert.match(plain, /Gather/, "the settings do not do what they are for");
    assert.equal(/^JIT:$/m.test(plain), compiles, plain);
    for (const look of looks) {
      const plans = await plansOf(look);
      assert.notEqual(plans, "", `${look}: its plan was not told`);
      assert.doesNotMatch(plans, /^JIT:$/m, look);
    }
    assert.doesNotMatch(await plansOf("select public.tick()"), /Gather/);
  } finally {
    await sql.end({ timeout: 1 });
  }
});
