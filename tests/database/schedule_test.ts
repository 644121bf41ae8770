import assert from "node:assert/strict";
import { openPostgres } from "../../cli/serve/store/postgres.ts";
import { findPostgres, hasExtension, startPostgres } from "../_support/postgres.ts";
import { part } from "../_support/require.ts";
import { execute, withSql } from "../_support/sql.ts";

const migration = new URL(
  "../../supabase/migrations/20261123104000_openclaw_schedule.sql",
  import.meta.url,
);

const cron = await part("Postgres 15 or later with pg_cron", async () => {
  const bin = await findPostgres();
  return bin !== null && await hasExtension(bin, "pg_cron") ? bin : null;
});

cron.test("a database with pg_cron → upkeep and tick are scheduled, by what their owner may run", async (bin) => {
  const settings = ["shared_preload_libraries=pg_cron", "cron.database_name=fleet_1"];
  await using server = await startPostgres(bin, settings);
  const address = await server.createDatabase();
  await execute(address, "create extension pg_cron;");
  await (await openPostgres(address)).close();
  // As one does who has switched pg_cron on later.
  await execute(address, await Deno.readTextFile(migration));
  await withSql(address, async (sql) => {
    const [tick, job, ...more] = await sql`
      select jobid::integer, jobname, schedule, command, active from cron.job order by jobname`;
    assert.deepEqual([job?.jobname, job?.schedule, job?.active], ["openclaw-upkeep", "* * * * *", true]);
    const [version] = await sql`select extversion from pg_extension where extname = 'pg_cron'`;
    const everyFew = ["5 seconds", "select public.tick(5)"];
    const knowsSeconds = !/^1\.[0-4]\b/.test(String(version?.extversion));
    assert.deepEqual(
      [tick?.jobname, tick?.schedule, tick?.command],
      ["openclaw-tick", ...knowsSeconds ? everyFew : ["* * * * *", "select public.tick(60)"]],
    );
    assert.equal(more.length, 0);
    await sql.unsafe(String(tick?.command));
    const [ticks] = await sql`select every_seconds from public.ticks`;
    assert.equal(ticks?.every_seconds, knowsSeconds ? 5 : 60);
    const [theirs] = await sql`select cron.schedule('theirs', '0 0 1 1 *', 'select 1')::integer as job`;
    await sql`insert into cron.job_run_details (jobid, runid, database, username, end_time)
      select job, 10 * job + run, 'fleet_1', current_user, now() - make_interval(days => run)
      from generate_series(0, 2) as run cross join unnest(${
      [job?.jobid, theirs?.job].map(Number)
    }::integer[]) as job`;
    await sql.unsafe(String(job?.command)).simple();
    // What pg_cron itself has run meanwhile is newer.
    const old = await sql`
      select jobid::integer as job from cron.job_run_details where end_time < now() - interval '1 hour'`;
    assert.deepEqual(
      old.map(({ job }) => job),
      [theirs?.job, theirs?.job],
      "those of another job stay, and of ours none",
    );
  });
});
