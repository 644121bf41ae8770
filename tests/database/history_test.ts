import assert from "node:assert/strict";
import { openPostgres } from "../../cli/serve/store/postgres.ts";
import { type Beat, type Database, databaseOver } from "../../supabase/functions/_shared/database/port.ts";
import { measureDay, mostMetrics, ownMetrics } from "../_support/history_day.ts";
import { findPostgres, startPostgres, type TestPostgres } from "../_support/postgres.ts";
import { part } from "../_support/require.ts";
import { type Sql, withSql } from "../_support/sql.ts";

const postgres = await part("Postgres 15 or later", findPostgres);

interface Stage {
  sql: Sql;
  databases: Database[];
}

/** A new database with an agent, one connection of its owner's, and two servers'. */
async function onStage(server: TestPostgres, work: (stage: Stage) => Promise<void>): Promise<void> {
  const address = await server.createDatabase();
  const stores = [await openPostgres(address), await openPostgres(address)];
  try {
    await withSql(address, (sql) => work({ sql, databases: stores.map(({ call }) => databaseOver(call)) }));
  } finally {
    for (const store of stores) await store.close();
  }
}

function beatOf(agentId: string, seq: number): Beat {
  return {
    agentId,
    epoch: 1,
    status: "healthy",
    message: null,
    metrics: { load_1m: seq },
    instanceId: "11111111-0000-4000-8000-000000000001",
    seq,
    clockOffsetSeconds: null,
    work: null,
    backInSeconds: null,
  };
}

async function addAgent(sql: Sql): Promise<string> {
  const [agent] = await sql`insert into public.agents (name) values ('a') returning id::text`;
  return String(agent?.id);
}

/** How many beats were recorded, and how many of them are kept for the history. */
async function counts(sql: Sql): Promise<unknown> {
  const [found] = await sql`select
    (select sum(b.heartbeats_count)::integer from public.agent_beats as b) as recorded,
    (select count(*)::integer from public.history_beats) as kept`;
  return found;
}

postgres.test("history", async (bin, context) => {
  await using server = await startPostgres(bin);

  await context.step(
    "a beat while somebody has locked its tables → recorded at once, and not kept",
    () =>
      onStage(server, async ({ sql, databases: [database] }) => {
        const id = await addAgent(sql);
        await sql.begin(async (transaction) => {
          await transaction`lock table public.history_beats, public.agent_gaps, public.history_hours`;
          assert.deepEqual(await database?.heartbeats.record([beatOf(id, 1)]), [{
            heartbeatIntervalSeconds: 60,
          }]);
        });
        assert.deepEqual(await counts(sql), { recorded: 1, kept: 0 });
        await database?.heartbeats.record([beatOf(id, 2)]);
        assert.deepEqual(await counts(sql), { recorded: 2, kept: 1 });
        await database?.heartbeats.recordOrdinary([beatOf(id, 3)]);
        assert.deepEqual(await counts(sql), { recorded: 3, kept: 2 });
        await sql.begin(async (transaction) => {
          await transaction`lock table public.history_beats`;
          assert.deepEqual(await database?.heartbeats.recordOrdinary([beatOf(id, 4)]), [null]);
        });
        assert.deepEqual(await counts(sql), { recorded: 3, kept: 2 }, "not as an ordinary one");
        await sql`update public.history_settings set days = 0`;
        await database?.heartbeats.recordOrdinary([beatOf(id, 5)]);
        assert.deepEqual(await counts(sql), { recorded: 4, kept: 2 }, "no history is kept");
      }),
  );

  await context.step(
    "a beat for which the disk has no room, and one that ends a silence → recorded",
    () =>
      onStage(server, async ({ sql, databases: [database] }) => {
        const id = await addAgent(sql);
        await sql.unsafe(`
        create function public.refuse() returns trigger language plpgsql as
          $$begin raise exception 'no space left on device' using errcode = '53100'; end$$;
        grant execute on function public.refuse() to service_role;
        create trigger refuse before insert on public.history_beats execute function public.refuse();
        create trigger refuse before insert on public.agent_gaps execute function public.refuse();`);
        await database?.heartbeats.record([beatOf(id, 1)]);
        assert.deepEqual(await database?.heartbeats.recordOrdinary([beatOf(id, 2)]), [null]);
        await sql`update public.agent_beats set last_seen_at = now() - interval '1 hour'`;
        assert.deepEqual(await database?.heartbeats.record([beatOf(id, 9)]), [{
          heartbeatIntervalSeconds: 60,
        }]);
        assert.deepEqual(await counts(sql), { recorded: 2, kept: 0 });
      }),
  );

  await context.step(
    "a partition that cannot be made → beats go on, and are folded once it can",
    () =>
      onStage(server, async ({ sql, databases: [database] }) => {
        const id = await addAgent(sql);
        await database?.heartbeats.record([beatOf(id, 1)]);
        await sql`update public.history_beats set at = at - interval '2 hours'`;
        await sql`alter schema openclaw_history rename to elsewhere`;
        await assert.rejects(async () => await database?.history.keep(30));
        await database?.heartbeats.record([beatOf(id, 2)]);
        assert.deepEqual(await counts(sql), { recorded: 2, kept: 2 });
        await sql`alter schema elsewhere rename to openclaw_history`;
        await database?.history.keep(30);
        assert.deepEqual(await counts(sql), { recorded: 2, kept: 1 });
        assert.equal((await sql`select from public.history_hours where agent_id = ${id}`).length, 1);
      }),
  );

  await context.step(
    "two servers that fold at once → each beat once",
    () =>
      onStage(server, async ({ sql, databases }) => {
        await sql`insert into public.agents (name) select i::text from generate_series(1, 300) as i`;
        // The hour before the last one: an hour is folded half a minute after its end.
        await sql`insert into public.history_beats (agent_id, at, status, metrics)
        select a.id, date_trunc('hour', now()) - interval '1 hour' - make_interval(mins => m), 0, '{}'
        from public.agents as a, generate_series(1, 60) as m`;
        await Promise.all(Array.from({ length: 12 }, (_, place) => databases[place % 2]?.history.keep(30)));
        while (await databases[0]?.history.keep(30));
        const [found] = await sql`select count(*)::integer as hours, sum(q.word / 4)::integer as beats
        from public.history_hours as h, unnest(h.figures[1:4]) as q (word)`;
        assert.deepEqual({ ...found }, { hours: 1200, beats: 18_000 });
      }),
  );

  for (
    const [what, metrics, most] of [["our own agents' metrics", ownMetrics, 10_000], [
      "eight metrics",
      mostMetrics,
      15_000,
    ]] as const
  ) {
    await context.step(
      `a day of an agent with ${what} → at most ${most} bytes, and 6,000 for its minutes`,
      () =>
        onStage(server, async ({ sql }) => {
          const { hours, minutes } = await measureDay(sql, { agents: 200, metrics });
          assert.ok(hours > 5000 && hours <= most, `${hours} bytes`);
          assert.ok(minutes > 2000 && minutes <= 6000, `${minutes} bytes`);
        }),
    );
  }
});
