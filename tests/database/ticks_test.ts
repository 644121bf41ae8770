import assert from "node:assert/strict";
import { openPostgres } from "../../cli/serve/store/postgres.ts";
import { databaseOver } from "../../supabase/functions/_shared/database/port.ts";
import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { part } from "../_support/require.ts";
import { execute, type Sql, withSql } from "../_support/sql.ts";

const postgres = await part("Postgres 15 or later", findPostgres);

/** Forty agents that were cut at once, and that no tick has noted yet. */
const cut = `
  insert into public.agents (name) select 'web-' || i from generate_series(1, 40) as i;
  update public.agent_beats set heartbeats_count = 1, status = 'healthy', last_seen_at = now() - interval '200 seconds',
    online_since = now() - interval '1 hour';
  insert into public.channels (name, kind, settings) values ('chat', 'slack', '{}');
`;
const later = "select public.tick(5, now() + interval '15 seconds') as changes";

/** All that a tick writes. */
async function written(sql: Sql): Promise<unknown> {
  const [counts] = await sql`select
    (select count(*)::integer from public.ticks) as ticks,
    (select count(*)::integer from public.agent_events) as events,
    (select count(*)::integer from public.agent_troubles) as troubles,
    (select count(*)::integer from public.incidents) as incidents,
    (select count(*)::integer from public.incident_agents) as members,
    (select count(*)::integer from public.deliveries) as deliveries`;
  return counts;
}

const nothing = { ticks: 0, events: 0, troubles: 0, incidents: 0, members: 0, deliveries: 0 };
const everything = { ticks: 1, events: 40, troubles: 40, incidents: 1, members: 40, deliveries: 1 };

postgres.test("ticks of several servers at once, and one that overlaps the next → nothing twice", async (bin) => {
  await using server = await startPostgres(bin);
  const address = await server.createDatabase();
  const stores = [await openPostgres(address), await openPostgres(address)];
  const databases = stores.map(({ call }) => databaseOver(call));
  await execute(address, cut);
  await withSql(address, async (sql) => {
    await sql.begin(async (transaction) => {
      await transaction`select public.tick()`;
      const meanwhile = await Promise.all(databases.map(({ incidents }) => incidents.tick(5)));
      assert.deepEqual(meanwhile, [null, null], "they wait for nobody, and do nothing");
    });
    await Promise.all(Array.from({ length: 20 }, (_, place) => databases[place % 2]?.incidents.tick(5)));
    await Promise.all([sql.unsafe(later), withSql(address, (other) => other.unsafe(later))]);
    await sql.unsafe(later);
    assert.deepEqual(await written(sql), everything);
  });
  for (const store of stores) await store.close();
});

postgres.test("a tick whose connection is killed before its end → nothing is half there, and the next one does it all", async (bin) => {
  await using server = await startPostgres(bin);
  const address = await server.createDatabase();
  await (await openPostgres(address)).close();
  await execute(address, cut);
  await withSql(address, async (sql) => {
    await withSql(address, async (killed) => {
      await killed`begin`;
      const [{ pid } = { pid: 0 }] = await killed`select pg_backend_pid() as pid`;
      await killed.unsafe("select public.tick()");
      await killed.unsafe(later);
      assert.deepEqual(await written(killed), everything);
      await sql`select pg_terminate_backend(${Number(pid)}, 60000)`;
    });
    assert.deepEqual(await written(sql), nothing);
    await sql`select public.tick()`;
    await sql.unsafe(later);
    assert.deepEqual(await written(sql), everything);
  });
});

postgres.test("beats, deletions and mutes while ticks run → no deadlock, and each agent has as many ends as beginnings", async (bin) => {
  await using server = await startPostgres(bin);
  const address = await server.createDatabase();
  const stores = [await openPostgres(address), await openPostgres(address)];
  const [ticking, acting] = stores.map(({ call }) => databaseOver(call));
  await execute(address, cut);
  const ids = await withSql(
    address,
    async (sql) => (await sql`select id::text from public.agents order by id`).map(({ id }) => String(id)),
  );
  let isOver = false;
  const ticks = (async () => {
    for (; !isOver;) await ticking?.incidents.tick(5);
  })();
  await withSql(address, async (sql) => {
    for (let round = 0; round < 10; round++) {
      await sql`update public.agent_beats set status = 'unhealthy', last_seen_at = now()`;
      await sql`update public.agents set muted_until = now() + interval '1 hour' where name like 'web-1%'`;
      await sql`update public.agent_beats set status = 'healthy'`;
      const id = ids[round] ?? "";
      const deleted = await acting?.agents.get(id, null);
      const by = { ownerId: null, act: { actor: "key:default", address: null } };
      await acting?.agents.delete(id, { ...by, name: deleted?.name ?? "" });
    }
    isOver = true;
    await ticks;
    await ticking?.incidents.tick(5);
    const odd = await sql`
      select agent_name from public.agent_events
      where kind in ('unhealthy', 'offline', 'recovered') and agent_id in (select id from public.agents)
      group by agent_name
      having count(*) filter (where kind = 'recovered') = 0
        or count(*) filter (where kind = 'recovered') > count(*) filter (where kind <> 'recovered')`;
    assert.deepEqual([...odd], []);
    const [left] = await sql`select count(*)::integer as troubles from public.agent_troubles`;
    assert.equal(left?.troubles, 0);
  });
  for (const store of stores) await store.close();
});
