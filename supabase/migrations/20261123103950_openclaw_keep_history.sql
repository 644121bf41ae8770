create function public.history_names()
  returns text[] language sql immutable set search_path = ''
  return array['cpu_percent', 'memory_percent', 'disk_percent', 'load_1m', 'uptime_seconds', 'latency_ms'];
comment on function public.history_names() is 'The metrics that history always has, in the order of its figures.';
revoke all on function public.history_names() from public, anon, authenticated;
grant execute on function public.history_names() to service_role;

create function public.history_number(value double precision)
  returns double precision language sql immutable set search_path = ''
  return case when abs(value) < 1e-37 then 0 else least(greatest(value, -3e38), 3e38) end;
comment on function public.history_number(double precision) is
  'The nearest number that a column of four bytes can hold: a metric may be any number of eight.';
revoke all on function public.history_number(double precision) from public, anon, authenticated;
grant execute on function public.history_number(double precision) to service_role;

create function public.note_gaps(silences jsonb)
  returns void language sql volatile set search_path = '' as $$
  insert into public.agent_gaps (agent_id, began_at, ended_at, reason, detail)
  select s.agent_id, s.began_at, now(), told.reason, case told.reason
    when 'planned' then jsonb_strip_nulls(jsonb_build_object('back_in_seconds', s.back_in_seconds))
    when 'host' then jsonb_build_object('uptime_seconds', s.uptime_seconds)
    when 'network' then jsonb_build_object('unanswered_count', s.seqs - 1)
    when 'agent' then jsonb_build_object('uptime_seconds', s.uptime_seconds)
    else '{}'
  end
  from jsonb_to_recordset(note_gaps.silences) as s (
    agent_id uuid, began_at timestamptz, interval_seconds integer, stopping boolean, back_in_seconds integer,
    same_instance boolean, seqs bigint, uptime_seconds double precision
  )
  cross join lateral (select extract(epoch from now() - s.began_at) as seconds) as silence
  cross join lateral (
    -- The gap that is ending, too: after the server was away, a beat may come before the tick that notes it.
    select coalesce(sum(extract(epoch from g.excused_until - g.began_at)), 0) as seconds
    from (
      select least(g.excused_until, now()) as excused_until, greatest(g.began_at, s.began_at) as began_at
      from public.server_gaps as g where g.excused_until > s.began_at and g.began_at < now()
      union all
      select now(), greatest(t.ticked_at, s.began_at, (select max(g.excused_until) from public.server_gaps as g))
      from public.ticks as t where t.ticked_at < now() - make_interval(secs => 3 * t.every_seconds)
    ) as g
    where g.excused_until > g.began_at
  ) as ours
  cross join lateral (
    select case
      when s.stopping then 'planned'
      when silence.seconds - ours.seconds <= 1.1 * s.interval_seconds + 15 then 'server'
      when s.uptime_seconds < silence.seconds then 'host'
      when s.same_instance and s.seqs = 1 then 'suspended'
      when s.same_instance and s.seqs > 1 then 'network'
      when not s.same_instance and s.uptime_seconds is not null then 'agent'
      else 'unknown'
    end as reason
  ) as told
  on conflict do nothing
$$;
comment on function public.note_gaps(jsonb) is
  'Adds the silences that the beats of now have ended, with their reasons: a list of {agent_id, began_at, interval_seconds, stopping, back_in_seconds, same_instance, seqs, uptime_seconds}, seqs being how far seq went on. For record_heartbeats.';
revoke all on function public.note_gaps(jsonb) from public, anon, authenticated;
grant execute on function public.note_gaps(jsonb) to service_role;

-- Not as its caller: to add a partition takes the owner of the table. It takes dates and nothing else, and only the
-- service role may call it.
create function public.add_history_days(first date, last date)
  returns void language plpgsql volatile security definer set search_path = '' as $$
declare
  day date;
  parent text;
  partition text;
begin
  for day in select d::date from generate_series(add_history_days.first, add_history_days.last, interval '1 day') as d loop
    foreach parent in array array['history_hours', 'history_minutes'] loop
      partition := format('openclaw_history.%I', parent || '_' || to_char(day, 'YYYYMMDD'));
      if to_regclass(partition) is null then
        execute format(
          'create table %s partition of public.%I for values from (%L) to (%L)', partition, parent,
          day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC'
        );
        execute format('alter table %s enable row level security', partition);
        execute format('revoke all on %s from public, anon, authenticated, service_role', partition);
      end if;
    end loop;
  end loop;
end
$$;
comment on function public.add_history_days(date, date) is
  'Makes the partitions of these days, as far as they are missing. A part of keep_history.';
revoke all on function public.add_history_days(date, date) from public, anon, authenticated;
grant execute on function public.add_history_days(date, date) to service_role;

-- Not as its caller, as add_history_days.
create function public.drop_history_days(hours_before date, minutes_before date)
  returns void language plpgsql volatile security definer set search_path = '' as $$
declare
  partition regclass;
begin
  for partition in
    select i.inhrelid::regclass
    from pg_catalog.pg_inherits as i join pg_catalog.pg_class as c on c.oid = i.inhrelid
    where i.inhparent = 'public.history_hours'::regclass
      and right(c.relname, 8) < to_char(drop_history_days.hours_before, 'YYYYMMDD')
      or i.inhparent = 'public.history_minutes'::regclass
      and right(c.relname, 8) < to_char(drop_history_days.minutes_before, 'YYYYMMDD')
  loop
    execute format('drop table %s', partition);
  end loop;
end
$$;
comment on function public.drop_history_days(date, date) is
  'Drops the partitions of days before these. A part of keep_history.';
revoke all on function public.drop_history_days(date, date) from public, anon, authenticated;
grant execute on function public.drop_history_days(date, date) to service_role;

create function public.fold_beats(after_agent uuid, last_agent uuid, until timestamptz, kept_from timestamptz)
  returns void language sql volatile set search_path = '' as $$
  with taken as materialized (
    delete from public.history_beats as b
    where b.agent_id > after_agent and (last_agent is null or b.agent_id <= last_agent) and b.at < until
    returning b.agent_id, b.at, b.status, b.metrics
  ), beat as materialized (
    select t.agent_id, date_trunc('hour', t.at, 'UTC') as hour_at,
      extract(minute from t.at at time zone 'UTC')::integer as minute, t.status, t.metrics
    from taken as t
    where t.at >= kept_from and exists (select from public.agents as a where a.id = t.agent_id)
  ), minute as materialized (
    select b.agent_id, b.hour_at, b.minute, count(*)::integer as beats, max(b.status) as worst
    from beat as b group by b.agent_id, b.hour_at, b.minute
  ), minutes as (
    insert into public.history_minutes (agent_id, hour_at, minutes)
    select m.agent_id, m.hour_at, string_agg(int2send(m.packed::smallint), ''::bytea order by m.minute)
    from (
      select m.agent_id, m.hour_at, m.minute, max(m.packed) as packed
      from (
        select m.agent_id, m.hour_at, m.minute, least(m.beats, 8191) * 4 + m.worst as packed from minute as m
        union all
        select h.agent_id, h.hour_at, place.minute, 0
        from (select distinct m.agent_id, m.hour_at from minute as m) as h
        cross join generate_series(0, 59) as place (minute)
      ) as m
      group by m.agent_id, m.hour_at, m.minute
    ) as m
    group by m.agent_id, m.hour_at
    order by m.hour_at, m.agent_id
    on conflict do nothing
  ), hour as (
    select q.agent_id, q.hour_at, array[
      coalesce(max(q.packed) filter (where q.quarter = 0), 0), coalesce(max(q.packed) filter (where q.quarter = 1), 0),
      coalesce(max(q.packed) filter (where q.quarter = 2), 0), coalesce(max(q.packed) filter (where q.quarter = 3), 0)
    ]::real[] as beats
    from (
      select m.agent_id, m.hour_at, m.minute / 15 as quarter, least(sum(m.beats), 4194303) * 4 + max(m.worst) as packed
      from minute as m group by m.agent_id, m.hour_at, m.minute / 15
    ) as q
    group by q.agent_id, q.hour_at
  ), figure as (
    select b.agent_id, b.hour_at, b.minute / 15 as quarter, f.key collate "C" as name,
      min(n.number)::real as least, avg(n.number)::real as mean, max(n.number)::real as most
    from beat as b
    cross join lateral jsonb_each(b.metrics) as f
    -- Read once: a number of JSON goes by its text.
    cross join lateral (select f.value::double precision as value offset 0) as read
    cross join lateral (select public.history_number(read.value) as number) as n
    group by b.agent_id, b.hour_at, b.minute / 15, f.key collate "C"
  ), metric as (
    select f.agent_id, f.hour_at, f.name, array_position(public.history_names(), f.name) as place,
      row_number() over (
        partition by f.agent_id, f.hour_at, f.name = any (public.history_names()) order by f.name
      ) as number,
      array[
        max(f.least) filter (where f.quarter = 0), max(f.mean) filter (where f.quarter = 0),
        max(f.most) filter (where f.quarter = 0), max(f.least) filter (where f.quarter = 1),
        max(f.mean) filter (where f.quarter = 1), max(f.most) filter (where f.quarter = 1),
        max(f.least) filter (where f.quarter = 2), max(f.mean) filter (where f.quarter = 2),
        max(f.most) filter (where f.quarter = 2), max(f.least) filter (where f.quarter = 3),
        max(f.mean) filter (where f.quarter = 3), max(f.most) filter (where f.quarter = 3)
      ] as figures
    from figure as f group by f.agent_id, f.hour_at, f.name
  ), metrics as (
    select m.agent_id, m.hour_at, coalesce(bit_or(1 << (m.place - 1)), 0)::smallint as known,
      string_agg(m.name, ',' order by m.name) filter (where m.place is null and f.number = 1) as others,
      array_agg(f.figure order by m.place nulls last, m.name, f.number) as figures
    from metric as m cross join lateral unnest(m.figures) with ordinality as f (figure, number)
    where m.place is not null or m.number <= 2
    group by m.agent_id, m.hour_at
  )
  insert into public.history_hours (agent_id, hour_at, known, figures, others)
  select h.agent_id, h.hour_at, coalesce(m.known, 0), h.beats || m.figures, m.others
  from hour as h left join metrics as m on m.agent_id = h.agent_id and m.hour_at = h.hour_at
  order by h.hour_at, h.agent_id
  on conflict do nothing
$$;
comment on function public.fold_beats(uuid, uuid, timestamptz, timestamptz) is
  'Takes the beats of before until, of the agents after the first id up to the last one (null: of all), and adds their hours to the history. An hour that is there already stays: it comes again only where a clock was set back. A part of keep_history.';
revoke all on function public.fold_beats(uuid, uuid, timestamptz, timestamptz) from public, anon, authenticated;
grant execute on function public.fold_beats(uuid, uuid, timestamptz, timestamptz) to service_role;

create function public.keep_history(days integer default null, most_beats integer default 20000, moment timestamptz default now())
  returns boolean language plpgsql volatile set search_path = '' as $$
declare
  setting public.history_settings;
  -- Half a minute late: a beat that is being recorded carries the time at which it began.
  hour_at timestamptz := date_trunc('hour', moment - interval '30 seconds', 'UTC');
  today date := (moment at time zone 'UTC')::date;
  oldest timestamptz;
  last_agent uuid;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('openclaw history', 0)) then
    return false;
  end if;
  -- Of lists that no statistics are of, the planner would compare every row with every other one.
  perform set_config('enable_nestloop', 'off', true), set_config('jit', 'off', true);
  update public.history_settings as s set days = keep_history.days where s.days <> keep_history.days;
  select s.* into setting from public.history_settings as s;
  if setting.days = 0 then
    delete from public.history_beats where true;
    delete from public.agent_gaps where true;
    perform public.drop_history_days(today + 2, today + 2);
    return false;
  end if;
  -- Where a clock was set back, from the beginning.
  if setting.folded_until > hour_at then
    setting.folded_until := '-infinity';
  end if;
  if setting.folding_until is null then
    if setting.folded_until = hour_at then
      return false;
    end if;
    setting.folding_until := hour_at;
  end if;
  select b.agent_id into last_agent from public.history_beats as b
    where b.agent_id > setting.folded_agent and b.at < setting.folding_until
    order by b.agent_id offset greatest(most_beats, 1) - 1 limit 1;
  select min(b.at) into oldest from public.history_beats as b
    where b.agent_id > setting.folded_agent and (last_agent is null or b.agent_id <= last_agent)
      and b.at < setting.folding_until;
  if oldest is not null then
    perform public.add_history_days(
      greatest((oldest at time zone 'UTC')::date, today - setting.days), (setting.folding_until at time zone 'UTC')::date
    );
    perform public.fold_beats(
      setting.folded_agent, last_agent, setting.folding_until, (today - setting.days)::timestamp at time zone 'UTC'
    );
  end if;
  if last_agent is not null then
    update public.history_settings as s set folding_until = setting.folding_until, folded_agent = last_agent
      where s.is_the_only_one;
    return true;
  end if;
  update public.history_settings as s set
    folded_until = setting.folding_until, folding_until = null, folded_agent = default
    where s.is_the_only_one;
  perform public.drop_history_days(today - setting.days, today - 2);
  delete from public.agent_gaps as g where g.ended_at < (today - setting.days)::timestamp at time zone 'UTC';
  return setting.folding_until < hour_at;
end
$$;
comment on function public.keep_history(integer, integer, timestamptz) is
  'To be called every minute: folds the beats of the hours that are over into the history, about most_beats of them at a time, and drops what is older than days (null: as it was last told; 0: all, and no beat is kept any more). Returns whether there is more to do now. moment is now but in tests.';
revoke all on function public.keep_history(integer, integer, timestamptz) from public, anon, authenticated;
grant execute on function public.keep_history(integer, integer, timestamptz) to service_role;
