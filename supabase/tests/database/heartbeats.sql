-- record_heartbeats: a list in, a verdict for each out, one change of each row.
begin;
select no_plan();

-- A list of beats as the functions have it, told as JSON.
create function pg_temp.record_heartbeats(beats jsonb) returns jsonb language sql as $$
  select public.record_heartbeats(
    array_agg((b.value ->> 'agent_id')::uuid order by b.place), array_agg((b.value ->> 'epoch')::integer order by b.place),
    array_agg(b.value ->> 'status' order by b.place), array_agg(b.value ->> 'message' order by b.place),
    array_agg(b.value ->> 'metrics' order by b.place), array_agg((b.value ->> 'instance_id')::uuid order by b.place),
    array_agg((b.value ->> 'seq')::bigint order by b.place),
    array_agg((b.value ->> 'clock_offset_seconds')::integer order by b.place),
    array_agg((b.value -> 'work' ->> 'busy')::boolean order by b.place),
    array_agg((b.value -> 'work' ->> 'progress')::bigint order by b.place),
    array_agg((b.value ->> 'back_in_seconds')::integer order by b.place)
  )
  from jsonb_array_elements(beats) with ordinality as b (value, place)
$$;

insert into public.agents (id, name, heartbeat_interval_seconds) values
  ('a1000000-0000-4000-8000-000000000001', 'a', 60),
  ('b1000000-0000-4000-8000-000000000002', 'b', 30),
  ('c1000000-0000-4000-8000-000000000003', 'c', 60);
update public.agent_beats set session_epoch = 5 where interval_seconds = 30;
update public.agents set revoked_at = now() where name = 'c';

-- A beat as the functions send it; `said` replaces what differs.
create function pg_temp.beat(agent text, said jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object(
    'agent_id', (case agent when 'a' then 'a1000000-0000-4000-8000-000000000001'
      when 'b' then 'b1000000-0000-4000-8000-000000000002'
      when 'c' then 'c1000000-0000-4000-8000-000000000003' else 'f0000000-0000-4000-8000-00000000000f' end),
    'epoch', (case agent when 'b' then 5 else 1 end),
    'status', 'healthy', 'message', null, 'metrics', '{}'::jsonb,
    'instance_id', '11111111-0000-4000-8000-000000000001', 'seq', null
  ) || said
$$;
create function pg_temp.record(variadic beats jsonb[]) returns jsonb language sql as $$
  select pg_temp.record_heartbeats(to_jsonb(beats))
$$;
create function pg_temp.said(agent text) returns text language sql as $$
  select concat_ws(' ', heartbeats_count, status, message, metrics, last_seq)
  from public.agents join public.agent_beats on agent_id = id where name = agent
$$;
set local role service_role;

-- Verdicts
select is(
  public.record_heartbeats('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'), '[]', 'no beats, no verdicts'
);
select is(
  pg_temp.record(pg_temp.beat('b'), pg_temp.beat('nobody'), pg_temp.beat('a'), pg_temp.beat('c')), '[30, null, 60, null]',
  'a verdict for every beat in their order: null for the unknown and the revoked'
);
select is(
  pg_temp.record(pg_temp.beat('b', '{"epoch": 4}'), pg_temp.beat('a', '{"epoch": 2}')), '[null, null]',
  'and for another epoch'
);
select is(pg_temp.record(pg_temp.beat('b')), '[30]', 'a beat alone has its verdict');
select throws_ok(
  $$select pg_temp.record(pg_temp.beat('a'), pg_temp.beat('b'), pg_temp.beat('a'))$$, '21000', null,
  'a list that names an agent twice is refused'
);
select results_eq(
  'select name::text, heartbeats_count, last_seen_at, status::text from public.fleet order by name',
  $$values ('a', 1::bigint, now(), 'healthy'), ('b', 2, now(), 'healthy'), ('c', 0, null, null)$$,
  'the accepted beats alone are counted and stamped'
);
select is_empty('select 1 from public.agent_events', 'no heartbeat is an event');

-- Several beats of one agent
select is(
  pg_temp.record(pg_temp.beat('a', '{"seq": 2, "status": "degraded", "message": "two"}')), '[60]', 'a beat with a seq'
);
select is(
  pg_temp.record(pg_temp.beat('a', '{"seq": 4, "status": "unhealthy", "message": "four", "metrics": {"load_1m": 4}}')),
  '[60]', 'a later one'
);
select is(pg_temp.said('a'), '3 unhealthy four {"load_1m": 4} 4', 'is believed');

-- Overtaken
select is(
  pg_temp.record(pg_temp.beat('a', '{"seq": 3, "message": "late"}')), '[60]',
  'a beat that was overtaken is accepted'
);
select is(pg_temp.said('a'), '4 unhealthy four {"load_1m": 4} 4', 'it counts, and unsays nothing');
select is(
  pg_temp.record(pg_temp.beat('a', '{"seq": 4, "message": "repeated"}')), '[60]',
  'a beat that was sent twice is accepted'
);
select is(pg_temp.said('a'), '5 unhealthy four {"load_1m": 4} 4', 'it counts, and says nothing new');
select lives_ok(
  $$select pg_temp.record(pg_temp.beat('a', '{"seq": 5, "status": "stopping"}'))$$, 'an agent says that it stops'
);
select is(
  (select liveness from public.fleet where name = 'a'), 'stopped', 'and is stopped'
);
select lives_ok(
  $$select pg_temp.record(pg_temp.beat('a', '{"seq": 4, "status": "healthy"}'))$$, 'a beat from before arrives'
);
select is(
  (select liveness from public.fleet where name = 'a'), 'stopped', 'and does not revive it'
);
select is(pg_temp.said('a'), '7 stopping {} 5', 'a message that is not sent again is gone, a count is not');

-- Another start of the process
select lives_ok(
  $$select pg_temp.record(pg_temp.beat('a', '{"seq": 0, "instance_id": "22222222-0000-4000-8000-000000000002"}'))$$,
  'another instance counts from the start'
);
select is(pg_temp.said('a'), '8 healthy {} 0', 'and is believed');
select lives_ok(
  $$select pg_temp.record(pg_temp.beat('a', '{"instance_id": null, "status": "degraded"}'))$$,
  'a beat without instance and seq is recorded'
);
select is(pg_temp.said('a'), '9 degraded {}', 'and is believed');

-- Nothing at all, or all of it
select throws_ok(
  $$select pg_temp.record(pg_temp.beat('a'), pg_temp.beat('b', '{"status": "fine"}'))$$, '23514', null,
  'a beat that breaks a constraint fails the list'
);
select is(pg_temp.said('a') || ', ' || pg_temp.said('b'), '9 degraded {}, 2 healthy {}', 'and records none of it');

-- In place
select lives_ok(
  $$select pg_temp.record(pg_temp.beat('b', '{"seq": 1, "message": "here", "metrics": {"load_1m": 1}}'))$$,
  'a heartbeat that changes everything it can'
);
select is(
  pg_stat_get_xact_tuples_hot_updated('public.agent_beats'::regclass),
  pg_stat_get_xact_tuples_updated('public.agent_beats'::regclass),
  'every update above stayed on its page'
);
select cmp_ok(
  pg_stat_get_xact_tuples_updated('public.agent_beats'::regclass), '>=', 10::bigint, 'of which there were some'
);

-- A long list
reset role;
insert into public.agents (id, name, heartbeat_interval_seconds)
  select gen_random_uuid(), 'many', 100 + n from generate_series(1, 100) as n;
create temporary table list as
  select row_number() over (order by md5(a.id::text)) as place, a.id, a.heartbeat_interval_seconds,
    a.heartbeat_interval_seconds % 3 = 0 as refused
  from public.agents as a where a.name = 'many';
grant select on list to service_role;
set local role service_role;
select is(
  (select pg_temp.record_heartbeats(jsonb_agg(
    pg_temp.beat('nobody', jsonb_build_object('agent_id', id, 'epoch', case when refused then 2 else 1 end))
    order by place
  )) from list),
  (select jsonb_agg(case when not refused then heartbeat_interval_seconds end order by place) from list),
  '100 beats in any order have their verdicts in that order'
);
select results_eq(
  $$select heartbeats_count, count(*) from public.fleet where name = 'many' group by 1 order by 1$$,
  'values (0::bigint, 33::bigint), (1, 67)', 'and are counted, the accepted ones'
);

-- What of a list is kept for the history
delete from public.history_beats;
create function pg_temp.kept() returns setof text language sql as $$
  select concat_ws(' ', a.name, h.status, h.metrics)
  from public.history_beats as h join public.agents as a on a.id = h.agent_id order by a.name
$$;
select is(
  pg_temp.record(
    pg_temp.beat('c', '{"metrics": {"load_1m": 1}}'), pg_temp.beat('nobody', '{"metrics": {"load_1m": 2}}'),
    pg_temp.beat('b', '{"metrics": {"load_1m": 3}, "status": "degraded"}'),
    pg_temp.beat('a', '{"metrics": {"load_1m": 4}, "epoch": 9}')
  ), '[null, null, 30, null]', 'of a list, one is accepted'
);
select results_eq('select pg_temp.kept()', $$values ('b 2 {"load_1m": 3}')$$, 'that one is kept, with what it said');
select is(
  pg_temp.record(pg_temp.beat('c'), pg_temp.beat('nobody')), '[null, null]', 'nobody is accepted'
);
select is(
  pg_temp.record(pg_temp.beat('a', '{"status": "unhealthy"}'), pg_temp.beat('nobody', '{"epoch": null}')), '[60, null]',
  'without an epoch nobody is, who is not there'
);
select results_eq(
  'select pg_temp.kept()', $$values ('a 3 {}'), ('b 2 {"load_1m": 3}')$$, 'and nothing of them is kept'
);
delete from public.history_beats;
select is(
  pg_temp.record(pg_temp.beat('a', '{"seq": 50}')) || pg_temp.record(pg_temp.beat('a', '{"seq": 49, "status": "degraded"}')),
  '[60, 60]', 'a beat that a later one has overtaken'
);
select results_eq('select pg_temp.kept()', $$values ('a 0 {}'), ('a 2 {}')$$, 'is kept with what it said');

select finish();
rollback;
