import assert from "node:assert/strict";
import postgresJs from "postgres";
import { exists } from "../../cli/host/private_file.ts";
import { openPostgres } from "../../cli/serve/store/postgres.ts";
import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { part } from "../_support/require.ts";
import { execute } from "../_support/sql.ts";

const postgres = await part("Postgres 15 or later with auto_explain and a JIT compiler", find);

/** The folder of its programs. */
async function find(): Promise<string | null> {
  const bin = await findPostgres();
  if (bin === null) return null;
  for (const module of ["auto_explain", "llvmjit"]) {
    if (!await exists(`${bin}/../lib/${module}.so`)) return null;
  }
  return bin;
}

const fleet = `
  insert into public.agents (name) select 'web-' || i from generate_series(1, 500) as i;
  update public.agent_beats set heartbeats_count = 1, status = 'healthy', last_seen_at = now(),
    online_since = now() - interval '1 hour';
  vacuum analyze public.agents;
  vacuum analyze public.agent_beats;
`;

/** Has Postgres plan for 500 agents what it would for very many, and send every plan as a notice. */
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
/** Calls that read the beats of all agents. */
const looks = [
  "select public.tick()",
  "select public.upkeep()",
  "select public.fleet_metrics(null)",
  "select public.count_agents()",
  `select public.list_agents(null, ${everything}, 'trouble', 10, null)`,
  `select public.map_agents(null, ${everything}, null, 60)`,
  `select public.follow_agents(null, ${everything}, null, 60)`,
  `select public.map_changes(null, ${everything}, public.moment_of_map(60))`,
];

postgres.test("a call that reads the beats of all agents → is not compiled; a tick takes one processor", async (bin) => {
  await using server = await startPostgres(bin);
  const address = await server.createDatabase();
  await (await openPostgres(address)).close();
  for (const statement of fleet.split(";")) await execute(address, statement);
  const plain = await plansOf(address, "select public.note_troubles(now())");
  assert.match(plain, /Gather/, "the settings do not have it take more processors");
  assert.match(plain, /^JIT:$/m, "the settings do not have it compiled");
  for (const look of looks) assert.doesNotMatch(await plansOf(address, look), /^JIT:$/m, look);
  assert.doesNotMatch(await plansOf(address, "select public.tick()"), /Gather/);
});

/** The plans of those statements within a call that read beats, on a connection of its own. */
async function plansOf(address: string, call: string): Promise<string> {
  const plans: string[] = [];
  const onnotice = ({ message = "" }) => void (/ on agent_beats\b/.test(message) && plans.push(message));
  const sql = postgresJs(address, { max: 1, onnotice });
  try {
    await sql.unsafe(settings).simple();
    await sql.unsafe(call);
  } finally {
    await sql.end({ timeout: 1 });
  }
  assert.notEqual(plans.length, 0, `no plan was sent of ${call}`);
  return plans.join("\n");
}
