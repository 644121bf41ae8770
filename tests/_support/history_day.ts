import type { Sql } from "./sql.ts";

/** How many bytes a day of each agent takes, with its index. */
export interface HistorySize {
  hours: number;
  minutes: number;
}

const own = ["cpu_percent", "memory_percent", "disk_percent", "load_1m", "uptime_seconds"];
/** The metrics that our own agents send, and the most that history keeps. */
export const ownMetrics: readonly string[] = own;
export const mostMetrics: readonly string[] = [...own, "latency_ms", "queue_length", "temperature_celsius"];

/**
 * A day of these agents' beats, one in each quarter of an hour, folded hour by hour as the schedule does it: what it
 * takes. More beats take no more.
 *
 * @param sql a connection of the schema's owner to a database without agents
 */
export async function measureDay(
  sql: Sql,
  { agents, metrics }: { agents: number; metrics: readonly string[] },
): Promise<HistorySize> {
  await sql.unsafe(
    `insert into public.agents (name, created_at) select 'web-' || i, now() - interval '3 days' from generate_series(1, ${agents}) as i`,
  );
  const numbers = metrics.map((name) => `'${name}', round((random() * 100)::numeric, 2)`).join(", ");
  // Read once: no day begins meanwhile.
  const [day] = await sql.unsafe("select date_trunc('day', now(), 'UTC') - interval '1 day' as begin");
  const midnight = `timestamptz '${(day?.begin as Date).toISOString()}'`;
  for (let hour = 0; hour < 24; hour++) {
    await sql.unsafe(`
      insert into public.history_beats (agent_id, at, status, metrics)
      select a.id, ${midnight} + make_interval(hours => ${hour}, mins => minute), 0, jsonb_build_object(${numbers})
      from public.agents as a, generate_series(0, 45, 15) as minute`);
    const fold = `select public.keep_history(moment => ${midnight} + make_interval(hours => ${
      hour + 1
    }, mins => 1)) as more`;
    while ((await sql.unsafe(fold))[0]?.more === true);
  }
  const [size] = await sql.unsafe(`
    select sum(pg_total_relation_size(relid)) filter (where relid::regclass::text like '%hours%')::float8 as hours,
      sum(pg_total_relation_size(relid)) filter (where relid::regclass::text like '%minutes%')::float8 as minutes
    from (
      select relid from pg_partition_tree('public.history_hours') where isleaf
      union all select relid from pg_partition_tree('public.history_minutes') where isleaf
    ) as leaf`);
  return { hours: Number(size?.hours) / agents, minutes: Number(size?.minutes) / agents };
}
