-- What agents' beats leave: hours, minutes, gaps and their reasons. Time is given: no test waits.
begin;
select no_plan();

insert into auth.users (id) values ('a0000000-0000-4000-8000-000000000001');
insert into public.agents (id, name, owner_id, created_at) values
  ('a1000000-0000-4000-8000-000000000001', 'a', 'a0000000-0000-4000-8000-000000000001', '2026-01-01'),
  ('b1000000-0000-4000-8000-000000000002', 'b', null, '2026-01-01'),
  ('c1000000-0000-4000-8000-000000000003', 'c', null, '2026-01-01');
-- Some hour in the past: no test depends on the time of day.
create temporary table clock as select date_trunc('hour', now(), 'UTC') - interval '5 hours' as hour;
grant select on clock to service_role;

create function pg_temp.id(name text) returns uuid language sql as $$
  select (name || '1000000-0000-4000-8000-00000000000' || position(name in 'abc'))::uuid
$$;
create function pg_temp.beat(agent text, minute numeric, status smallint default 0, metrics jsonb default '{}')
  returns void language sql security definer as $$
  insert into public.history_beats (agent_id, at, status, metrics)
    select pg_temp.id(agent), clock.hour + make_interval(secs => 60 * minute::double precision), status, metrics from clock
$$;
create function pg_temp.fold(hours integer default 1) returns boolean language sql as $$
  select public.keep_history(moment => clock.hour + make_interval(hours => hours, mins => 1)) from clock
$$;
create function pg_temp.history(
  agent text, step integer default 900, first integer default 0, last integer default 60, owner uuid default null
) returns jsonb language sql as $$
  select public.agent_history(
    pg_temp.id(agent), owner, clock.hour + make_interval(mins => first), clock.hour + make_interval(mins => last), step
  ) from clock
$$;
create function pg_temp.told(history jsonb) returns setof text language sql as $$
  select replace(concat_ws(
    ' ', b.value ->> 'beats', b.value ->> 'expected', b.value ->> 'worst_status', b.value ->> 'metrics'
  ), '3' || repeat('0', 38), '3e38')
  from jsonb_array_elements(history -> 'buckets') with ordinality as b (value, place) order by b.place
$$;

-- An hour, before and after it is folded
select pg_temp.beat('a', 0, metrics => '{"cpu_percent": 10, "zeta": 1, "beta": 5, "alpha": 2}');
select pg_temp.beat('a', 0.5, 2::smallint, '{"cpu_percent": 40.5, "load_1m": 1e300}');
select pg_temp.beat('a', 14.99, metrics => '{"cpu_percent": 20, "alpha": 4}');
select pg_temp.beat('a', 15, 3::smallint, '{"latency_ms": 1e-300}');
select pg_temp.beat('a', 16), pg_temp.beat('a', 59.999, 1::smallint);
select pg_temp.beat('b', 30);
set local role service_role;
prepare quarters as select pg_temp.told(pg_temp.history('a'));
prepare quarters_are as values
  ('3 15.00 degraded {"beta": [5, 5, 5], "alpha": [2, 3, 4], "load_1m": [3e38, 3e38, 3e38], "cpu_percent": [10, 23.5, 40.5]}'),
  ('2 15.00 unhealthy {"latency_ms": [0, 0, 0]}'), ('0 15.00 {}'), ('1 15.00 stopping {}');
select results_eq('quarters', 'quarters_are', 'quarters are told from the beats of the hour that is under way');
prepare minutes as select place, b.value ->> 'beats', b.value ->> 'worst_status'
  from jsonb_array_elements(pg_temp.history('a', 60) -> 'buckets') with ordinality as b (value, place)
  where b.value ->> 'beats' <> '0' order by place;
prepare minutes_are as values (1::bigint, '2', 'degraded'), (15, '1', 'healthy'), (16, '1', 'unhealthy'),
  (17, '1', 'healthy'), (60, '1', 'stopping');
select results_eq('minutes', 'minutes_are', 'and minutes');
select is(pg_temp.fold(), false, 'one part is all of it');
select is((select count(*) from public.history_beats), 0::bigint, 'the beats were taken');
select is((select count(*) from public.history_hours), 2::bigint, 'and left a row for each agent and hour');
select results_eq('quarters', 'quarters_are', 'which tells the same quarters');
select results_eq('minutes', 'minutes_are', 'and the same minutes');
select is(pg_temp.history('a', 60) #> '{buckets,0}' ? 'metrics', false, 'minutes have no metrics');
select results_eq(
  $$select pg_temp.told(pg_temp.history('a', 3600))$$,
  $$values ('6 60.00 unhealthy {"beta": [5, 5, 5], "alpha": [2, 3, 4], "load_1m": [3e38, 3e38, 3e38], "latency_ms": [0, 0, 0], "cpu_percent": [10, 23.5, 40.5]}')$$,
  'an hour has all of its quarters'
);
select is(pg_temp.fold(), false, 'what was folded is not folded again');
select is(jsonb_array_length(pg_temp.history('a', 900, 7, 31) -> 'buckets'), 3, 'buckets begin at whole steps');

-- In parts
reset role;
select pg_temp.beat(name, 60 + minute) from unnest(array['a', 'b', 'c']) as name, generate_series(0, 9) as minute;
select pg_temp.beat('a', 130);
set local role service_role;
select is(public.keep_history(most_beats => 5, moment => clock.hour + interval '2 hours 15 minutes'), true, 'more is left')
  from clock;
select is((select count(*) from public.history_beats), 21::bigint, 'one agent''s hour is taken whole');
select is(public.keep_history(most_beats => 5, moment => clock.hour + interval '2 hours 15 minutes'), true, 'then the next')
  from clock;
select is(public.keep_history(most_beats => 50, moment => clock.hour + interval '2 hours 15 minutes'), false, 'and the rest')
  from clock;
select results_eq(
  $$select count(*) from public.history_beats union all
    select count(*) from public.history_hours, clock where hour_at = clock.hour + interval '1 hour'$$,
  $$values (1::bigint), (3)$$, 'the beats of the hour that is under way stay'
);

-- Who may read, and what is not there
select is(pg_temp.history('b', owner => 'a0000000-0000-4000-8000-000000000001'), null, 'a stranger reads nothing');
select isnt(pg_temp.history('a', owner => 'a0000000-0000-4000-8000-000000000001'), null, 'the owner reads');
select is(
  public.agent_history('f0000000-0000-4000-8000-00000000000f', null, now() - interval '1 day', now(), 900), null,
  'of an agent that is not there, nothing'
);
select is(
  (select sum((b.value ->> 'expected')::numeric) from jsonb_array_elements(
    public.agent_history(pg_temp.id('a'), null, now() - interval '4 days', now() - interval '3 days', 60) -> 'buckets'
  ) as b), 0::numeric, 'of minutes that are kept no more, no beat is expected'
);

-- Retention
reset role;
select public.add_history_days((now() - interval '40 days')::date, (now() - interval '29 days')::date);
insert into public.history_hours (agent_id, hour_at, known, figures)
  select pg_temp.id('a'), date_trunc('day', now(), 'UTC') - make_interval(days => day), 0, '{4,0,0,0}'
  from unnest(array[30, 31, 32]) as day;
insert into public.history_minutes (agent_id, hour_at, minutes)
  select pg_temp.id('a'), date_trunc('day', now(), 'UTC') - interval '30 days', '\x00';
insert into public.agent_gaps (agent_id, began_at, ended_at, reason)
  select pg_temp.id('a'), now() - interval '40 days', now() - make_interval(days => day), 'host' from unnest(array[3, 39]) as day;
set local role service_role;
select is(public.keep_history(moment => now()), false, 'a round ends');
select is((select count(*) from public.history_hours where hour_at < now() - interval '20 days'), 1::bigint, 'days that are too old go');
select is((select count(*) from public.history_minutes where hour_at < now() - interval '20 days'), 0::bigint, 'minutes sooner');
select is((select count(*) from public.agent_gaps), 1::bigint, 'and gaps');
select is_empty(
  $$select relname from pg_class where relnamespace = 'openclaw_history'::regnamespace and relkind = 'r'
    and right(relname, 8) < to_char(now() at time zone 'UTC' - interval '30 days', 'YYYYMMDD')$$, 'by partition'
);

-- An agent that is deleted
reset role;
select pg_temp.beat('a', 200);
set local role service_role;
delete from public.agents where name = 'a';
select is_empty(
  $$select agent_id from public.history_beats where agent_id = pg_temp.id('a') union all
    select agent_id from public.history_hours where agent_id = pg_temp.id('a') union all
    select agent_id from public.history_minutes where agent_id = pg_temp.id('a') union all
    select agent_id from public.agent_gaps where agent_id = pg_temp.id('a')$$, 'takes its history along'
);
select is((select count(*) from public.history_hours where agent_id = pg_temp.id('b')), 2::bigint, 'and nobody else''s');

-- Gaps: each silence is of 10 minutes, of an agent that beats each minute
reset role;
create temporary table silent (
  case_name text, reason text, status text default 'healthy', seqs bigint default 5, uptime numeric default 99999,
  instance uuid default '11111111-0000-4000-8000-000000000001', seconds integer default 600
);
insert into silent values
  ('it said that it stops', 'planned', 'stopping', 1, 10, default, default),
  ('the host is up for less long than the silence', 'host', 'healthy', 5, 599, default, default),
  ('the same instance sent nothing meanwhile', 'suspended', 'healthy', 1, default, default, default),
  ('the same instance went on', 'network', 'healthy', 2, default, default, default),
  ('another instance, on a host that stayed up', 'agent', 'healthy', 1, 600, '22222222-0000-4000-8000-000000000002', default),
  ('another instance, of a host that told no uptime', 'unknown', 'healthy', 1, null, '22222222-0000-4000-8000-000000000002', default),
  ('the same instance, whose seq went back', 'unknown', 'healthy', -1, default, default, default),
  ('no instance was told', 'unknown', 'healthy', 1, null, null, default),
  ('it was away for no longer than online allows', null, 'healthy', 1, default, default, 81);
create function pg_temp.reason_of(s silent) returns text language plpgsql as $$
begin
  delete from public.agents where name = 'silent';
  insert into public.agents (id, name) values ('d1000000-0000-4000-8000-000000000004', 'silent');
  update public.agent_beats set last_seen_at = now() - make_interval(secs => s.seconds), heartbeats_count = 1,
    status = s.status, last_instance_id = '11111111-0000-4000-8000-000000000001', last_seq = 100
    where agent_id = 'd1000000-0000-4000-8000-000000000004';
  perform public.record_heartbeats(
    array['d1000000-0000-4000-8000-000000000004'::uuid], '{1}', '{healthy}', '{null}',
    array[case when s.uptime is null then '{}' else format('{"uptime_seconds": %s}', s.uptime) end], array[s.instance],
    array[100 + s.seqs], '{null}', '{null}', '{null}', '{null}'
  );
  return (select g.reason from public.agent_gaps as g where g.agent_id = 'd1000000-0000-4000-8000-000000000004');
end
$$;
select is(pg_temp.reason_of(s), s.reason, s.case_name) from silent as s;

-- Our own gap
insert into public.server_gaps (began_at, ended_at, excused_until)
  values (now() - interval '9 minutes', now() - interval '2 minutes', now() - interval '1 minute');
select is(pg_temp.reason_of(s), 'network', 'a gap of ours that leaves more than online allows is no reason')
  from silent as s where s.reason = 'network';
update public.server_gaps set excused_until = now() + interval '3 minutes';
select is(pg_temp.reason_of(s), 'server', 'one that leaves less is') from silent as s where s.reason = 'network';
select is(pg_temp.reason_of(s), 'planned', 'but not of an agent that was to stop') from silent as s where s.reason = 'planned';
delete from public.server_gaps;
insert into public.ticks (ticked_at, every_seconds) values (now() - interval '9 minutes', 5)
  on conflict (is_the_only_one) do update set ticked_at = excluded.ticked_at, every_seconds = 5;
select is(pg_temp.reason_of(s), 'server', 'so is one that no tick has noted yet') from silent as s where s.reason = 'network';
update public.ticks set ticked_at = now();

-- A beat never fails
select pg_temp.reason_of(s) from silent as s where s.reason = 'agent';
alter table public.history_beats add constraint no_room check (status < 0) not valid;
create function pg_temp.beat_now(seq bigint) returns jsonb language sql as $$
  select public.record_heartbeats(
    array['d1000000-0000-4000-8000-000000000004'::uuid], '{1}', '{healthy}', '{null}', '{"{}"}',
    array['11111111-0000-4000-8000-000000000001'::uuid], array[seq], '{null}', '{null}', '{null}', '{null}'
  )
$$;
select is(pg_temp.beat_now(200), '[60]', 'not when no row can be added for the history');
select is((select last_seq::bigint from public.agent_beats where agent_id = 'd1000000-0000-4000-8000-000000000004'), 200::bigint, 'and is recorded');
alter table public.history_beats drop constraint no_room;
delete from public.history_beats;

-- Switched off
set local role service_role;
select is(pg_temp.beat_now(201), '[60]', 'a beat');
select is((select count(*) from public.history_beats), 1::bigint, 'is kept');
select is(public.keep_history(0), false, 'until nothing is to be kept');
select is((select count(*) from public.history_beats) + (select count(*) from public.agent_gaps), 0::bigint, 'then all goes');
select is_empty(
  $$select relname from pg_class where relnamespace = 'openclaw_history'::regnamespace and relkind = 'r'$$, 'with its partitions'
);
select is(pg_temp.beat_now(202), '[60]', 'a beat after that');
select is((select count(*) from public.history_beats), 0::bigint, 'leaves nothing');
select is(pg_temp.history('b'), '{"gaps": [], "buckets": []}', 'and nothing is told');
select is(public.keep_history(30), false, 'until it is switched on again');
select is(pg_temp.beat_now(203), '[60]', 'a beat');
select is((select count(*) from public.history_beats), 1::bigint, 'is kept again');

select * from finish();
rollback;
