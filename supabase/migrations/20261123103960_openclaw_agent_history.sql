create function public.beats_by_minute(agent_id uuid, from_time timestamptz, to_time timestamptz)
  returns table (at timestamptz, beats bigint, worst integer) language sql stable set search_path = '' as $$
  select m.hour_at + make_interval(mins => place.minute), (word.word >> 2)::bigint, word.word & 3
  from generate_series(date_trunc('hour', from_time, 'UTC'), to_time, interval '1 hour') as hour (at)
  join public.history_minutes as m on m.hour_at = hour.at
  cross join generate_series(0, 59) as place (minute)
  cross join lateral (
    select get_byte(m.minutes, 2 * place.minute) * 256 + get_byte(m.minutes, 2 * place.minute + 1) as word
  ) as word
  where m.agent_id = beats_by_minute.agent_id and word.word > 0
  union all
  select date_trunc('minute', b.at, 'UTC'), count(*), max(b.status)
  from public.history_beats as b
  where b.agent_id = beats_by_minute.agent_id and b.at >= from_time and b.at < to_time
  group by 1
$$;
comment on function public.beats_by_minute(uuid, timestamptz, timestamptz) is
  'The minutes of an agent that had beats: how many, and the worst status, as history_beats has it. A part of agent_history.';
revoke all on function public.beats_by_minute(uuid, timestamptz, timestamptz) from public, anon, authenticated;
grant execute on function public.beats_by_minute(uuid, timestamptz, timestamptz) to service_role;

create function public.beats_by_quarter(agent_id uuid, from_time timestamptz, to_time timestamptz)
  returns table (at timestamptz, beats bigint, worst integer) language sql stable set search_path = '' as $$
  select h.hour_at + make_interval(mins => 15 * q.quarter), (word.word >> 2)::bigint, word.word & 3
  from generate_series(date_trunc('hour', from_time, 'UTC'), to_time, interval '1 hour') as hour (at)
  join public.history_hours as h on h.hour_at = hour.at
  cross join generate_series(0, 3) as q (quarter)
  cross join lateral (select h.figures[q.quarter + 1]::integer as word) as word
  where h.agent_id = beats_by_quarter.agent_id and word.word > 0
  union all
  select date_bin('15 minutes', b.at, 'epoch'), count(*), max(b.status)
  from public.history_beats as b
  where b.agent_id = beats_by_quarter.agent_id and b.at >= from_time and b.at < to_time
  group by 1
$$;
comment on function public.beats_by_quarter(uuid, timestamptz, timestamptz) is
  'As beats_by_minute, of quarters of an hour.';
revoke all on function public.beats_by_quarter(uuid, timestamptz, timestamptz) from public, anon, authenticated;
grant execute on function public.beats_by_quarter(uuid, timestamptz, timestamptz) to service_role;

create function public.metrics_by_quarter(agent_id uuid, from_time timestamptz, to_time timestamptz)
  returns table (at timestamptz, name text, lowest real, mean real, highest real)
  language sql stable set search_path = '' as $$
  select h.hour_at + make_interval(mins => 15 * q.quarter), named.name,
    h.figures[p.place + 1], h.figures[p.place + 2], h.figures[p.place + 3]
  from generate_series(date_trunc('hour', from_time, 'UTC'), to_time, interval '1 hour') as hour (at)
  join public.history_hours as h on h.hour_at = hour.at
  cross join lateral (
    select n.name, row_number() over (order by n.number)::integer as place
    from (
      select k.name, k.number from unnest(public.history_names()) with ordinality as k (name, number)
      where h.known & (1 << (k.number::integer - 1)) <> 0
      union all
      select o.name, 100 + o.number from string_to_table(h.others, ',') with ordinality as o (name, number)
    ) as n
  ) as named
  cross join generate_series(0, 3) as q (quarter)
  cross join lateral (select 4 + 12 * (named.place - 1) + 3 * q.quarter as place) as p
  where h.agent_id = metrics_by_quarter.agent_id
    and h.figures[p.place + 1] is not null
  union all
  select f.at, f.name, f.least, f.mean, f.most
  from (
    select date_bin('15 minutes', b.at, 'epoch') as at, m.key as name,
      min(n.number)::real as least, avg(n.number)::real as mean, max(n.number)::real as most,
      dense_rank() over (
        partition by date_trunc('hour', date_bin('15 minutes', b.at, 'epoch'), 'UTC'), m.key = any (public.history_names())
        order by m.key collate "C"
      ) as number
    from public.history_beats as b
    cross join lateral jsonb_each(b.metrics) as m
    cross join lateral (select public.history_number(m.value::double precision) as number) as n
    where b.agent_id = metrics_by_quarter.agent_id and b.at >= date_trunc('hour', from_time, 'UTC') and b.at < to_time
    group by date_bin('15 minutes', b.at, 'epoch'), m.key
  ) as f
  where f.name = any (public.history_names()) or f.number <= 2
$$;
comment on function public.metrics_by_quarter(uuid, timestamptz, timestamptz) is
  'The metrics of an agent in each quarter of an hour that has them. A part of agent_history.';
revoke all on function public.metrics_by_quarter(uuid, timestamptz, timestamptz) from public, anon, authenticated;
grant execute on function public.metrics_by_quarter(uuid, timestamptz, timestamptz) to service_role;

create function public.agent_history(
  agent_id uuid, owner_id uuid, from_time timestamptz, to_time timestamptz, step_seconds integer,
  moment timestamptz default now()
)
  returns jsonb language plpgsql stable set search_path = '' as $$
declare
  agent public.agents;
  step constant interval := make_interval(secs => step_seconds);
  first_at constant timestamptz := date_bin(step, from_time, 'epoch');
  -- Buckets are told whole, and which other metrics an hour has is told by all of it.
  last_at constant timestamptz :=
    date_bin(greatest(step, '1 hour'), to_time - interval '1 microsecond', 'epoch') + greatest(step, '1 hour');
  days integer := (select s.days from public.history_settings as s);
  kept_from timestamptz;
  buckets jsonb;
  gaps jsonb;
begin
  select a.* into agent from public.agents as a
    where a.id = agent_history.agent_id and (agent_history.owner_id is null or a.owner_id = agent_history.owner_id);
  if not found then
    return null;
  elsif days = 0 then
    return jsonb_build_object('buckets', '[]'::jsonb, 'gaps', '[]'::jsonb);
  end if;
  if step_seconds = 60 then
    days := least(days, 2);
  end if;
  kept_from := greatest(agent.created_at, date_trunc('day', moment, 'UTC') - make_interval(days => days));
  with counted as (
    select date_bin(step, c.at, 'epoch') as at, sum(c.beats) as beats, max(c.worst) as worst
    from (
      select * from public.beats_by_minute(agent.id, greatest(first_at, kept_from), last_at) where step_seconds = 60
      union all
      select * from public.beats_by_quarter(agent.id, greatest(first_at, kept_from), last_at) where step_seconds > 60
    ) as c
    group by 1
  ), metric as (
    select m.at, m.name, min(m.lowest) as lowest, sum(m.mean::double precision * c.beats) / sum(c.beats) as mean,
      max(m.highest) as highest
    from (
      select date_bin(step, q.at, 'epoch') as at, q.at as quarter_at, q.name, q.lowest, q.mean, q.highest
      from public.metrics_by_quarter(agent.id, greatest(first_at, kept_from), last_at) as q where step_seconds > 60
    ) as m
    join public.beats_by_quarter(agent.id, greatest(first_at, kept_from), last_at) as c on c.at = m.quarter_at
    group by m.at, m.name
  ), metrics as (
    select m.at, jsonb_object_agg(m.name, jsonb_build_array(m.lowest, m.mean::real, m.highest)) as metrics
    from metric as m group by m.at
  )
  select jsonb_agg(jsonb_build_object(
    'at', public.rfc3339(bucket.at),
    'beats', coalesce(c.beats, 0),
    'expected', round((greatest(0, extract(epoch from
      least(bucket.at + step, moment) - greatest(bucket.at, kept_from)
    )) / agent.heartbeat_interval_seconds)::numeric, 2),
    'worst_status', (array['healthy', 'stopping', 'degraded', 'unhealthy'])[c.worst + 1]
  ) || case when step_seconds = 60 then '{}' else jsonb_build_object('metrics', coalesce(m.metrics, '{}')) end order by bucket.at)
  into buckets
  from generate_series(first_at, to_time - interval '1 microsecond', step) as bucket (at)
  left join counted as c on c.at = bucket.at
  left join metrics as m on m.at = bucket.at;
  select jsonb_agg(jsonb_build_object(
    'from', public.rfc3339(g.began_at), 'to', public.rfc3339(g.ended_at), 'reason', g.reason, 'detail', g.detail
  ) order by g.ended_at)
  into gaps
  from (
    select g.* from public.agent_gaps as g
    where g.agent_id = agent.id and g.ended_at > from_time and g.began_at < to_time
    order by g.ended_at desc
    limit 1500
  ) as g;
  return jsonb_build_object('buckets', coalesce(buckets, '[]'), 'gaps', coalesce(gaps, '[]'));
end
$$;
comment on function public.agent_history(uuid, uuid, timestamptz, timestamptz, integer, timestamptz) is
  'The contract''s history of an agent of this owner (null: of anybody), in buckets of 60, 900, 3600 or 86400 seconds; null where there is none for it to see. moment is now but in tests.';
revoke all on function public.agent_history(uuid, uuid, timestamptz, timestamptz, integer, timestamptz)
  from public, anon, authenticated;
grant execute on function public.agent_history(uuid, uuid, timestamptz, timestamptz, integer, timestamptz) to service_role;
