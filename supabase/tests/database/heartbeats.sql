-- record_heartbeats: a list in, a verdict for each out, one change of each row.
begin;
select no_plan();

insert into public.agents (id, name, heartbeat_interval_seconds, session_epoch, revoked_at) values
  ('a1000000-0000-4000-8000-000000000001', 'a', 60, 1, null),
  ('b1000000-0000-4000-8000-000000000002', 'b', 30, 5, null),
  ('c1000000-0000-4000-8000-000000000003', 'c', 60, 2, now());

-- A beat as the functions send it; `said` replaces what differs.
create function pg_temp.beat(agent text, said jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object(
    'agent_id', (case agent when 'a' then 'a1000000-0000-4000-8000-000000000001'
      when 'b' then 'b1000000-0000-4000-8000-000000000002'
      when 'c' then 'c1000000-0000-4000-8000-000000000003' else 'f0000000-0000-4000-8000-00000000000f' end),
    'epoch', (case agent when 'b' then 5 when 'c' then 2 else 1 end),
    'status', 'healthy', 'message', null, 'metrics', '{}'::jsonb,
    'instance_id', '11111111-0000-4000-8000-000000000001', 'seq', null
  ) || said
$$;
create function pg_temp.record(variadic beats jsonb[]) returns jsonb language sql as $$
  select public.record_heartbeats(to_jsonb(beats))
$$;
create function pg_temp.said(agent text) returns text language sql as $$
  select concat_ws(' ', heartbeats_count, status, message, metrics, last_seq) from public.agents where name = agent
$$;
set local role service_role;

-- Verdicts
select is(public.record_heartbeats('[]'), '[]', 'no beats, no verdicts');
select is(
  pg_temp.record(
    pg_temp.beat('b'), pg_temp.beat('nobody'), pg_temp.beat('a'), pg_temp.beat('c'), pg_temp.beat('b', '{"epoch": 4}'),
    pg_temp.beat('a', '{"epoch": 2}'), pg_temp.beat('b')
  ),
  '[{"heartbeat_interval_seconds": 30}, null, {"heartbeat_interval_seconds": 60}, null, null, null,
    {"heartbeat_interval_seconds": 30}]',
  'a verdict for every beat in their order: null for the unknown, the revoked and another epoch'
);
select results_eq(
  'select name, heartbeats_count, last_seen_at, status from public.agents order by name',
  $$values ('a', 1::bigint, now(), 'healthy'), ('b', 2, now(), 'healthy'), ('c', 0, null, null)$$,
  'the accepted beats alone are counted and stamped'
);
select is_empty('select 1 from public.agent_events', 'no heartbeat is an event');

-- Several beats of one agent
select is(
  jsonb_array_length(pg_temp.record(
    pg_temp.beat('a', '{"seq": 2, "status": "degraded", "message": "two"}'),
    pg_temp.beat('a', '{"seq": 4, "status": "unhealthy", "message": "four", "metrics": {"load_1m": 4}}'),
    pg_temp.beat('a', '{"seq": 4, "status": "unhealthy", "message": "four again", "metrics": {"load_1m": 4}}'),
    pg_temp.beat('a', '{"seq": 3, "status": "degraded", "message": "three"}'),
    pg_temp.beat('a', '{"message": "no seq"}')
  )), 5, 'several beats of one agent have a verdict each'
);
select is(
  pg_temp.said('a'), '6 unhealthy four again {"load_1m": 4} 4',
  'they are one change of its row: counts add up, the highest seq speaks, of equals the later'
);

-- Overtaken
select is(
  pg_temp.record(pg_temp.beat('a', '{"seq": 3, "message": "late"}')), '[{"heartbeat_interval_seconds": 60}]',
  'a beat that was overtaken is accepted'
);
select is(pg_temp.said('a'), '7 unhealthy four again {"load_1m": 4} 4', 'it counts, and unsays nothing');
select is(
  pg_temp.record(pg_temp.beat('a', '{"seq": 4, "message": "repeated"}')), '[{"heartbeat_interval_seconds": 60}]',
  'a beat that was sent twice is accepted'
);
select is(pg_temp.said('a'), '8 unhealthy four again {"load_1m": 4} 4', 'it counts, and says nothing new');
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
select is(pg_temp.said('a'), '10 stopping {} 5', 'a message that is not sent again is gone, a count is not');

-- Another start of the process
select lives_ok(
  $$select pg_temp.record(pg_temp.beat('a', '{"seq": 0, "instance_id": "22222222-0000-4000-8000-000000000002"}'))$$,
  'another instance counts from the start'
);
select is(pg_temp.said('a'), '11 healthy {} 0', 'and is believed');
select lives_ok(
  $$select pg_temp.record(pg_temp.beat('a', '{"instance_id": null, "status": "degraded"}'))$$,
  'a beat without instance and seq is recorded'
);
select is(pg_temp.said('a'), '12 degraded {}', 'and is believed');

-- Two starts of the process in one list
select lives_ok(
  $$select pg_temp.record(
    pg_temp.beat('a', '{"seq": 500, "status": "stopping", "instance_id": "33333333-0000-4000-8000-000000000003"}'),
    pg_temp.beat('a', '{"seq": 2, "status": "degraded", "instance_id": "44444444-0000-4000-8000-000000000004"}'),
    pg_temp.beat('a', '{"seq": 1, "status": "healthy", "instance_id": "44444444-0000-4000-8000-000000000004"}')
  )$$,
  'the last beat of one start and the first ones of the next arrive together'
);
select is(pg_temp.said('a'), '15 degraded {} 2', 'the later start is believed, and of its beats the one with the highest seq');
select lives_ok(
  $$select pg_temp.record(pg_temp.beat('a', '{"instance_id": null, "status": "degraded"}'))$$,
  'a beat without instance and seq follows'
);

-- Nothing at all, or all of it
select throws_ok(
  $$select pg_temp.record(pg_temp.beat('a'), pg_temp.beat('b', '{"status": "fine"}'))$$, '23514', null,
  'a beat that breaks a constraint fails the list'
);
select is(pg_temp.said('a') || ', ' || pg_temp.said('b'), '16 degraded {}, 2 healthy {}', 'and records none of it');

-- In place
select lives_ok(
  $$select pg_temp.record(pg_temp.beat('b', '{"seq": 1, "message": "here", "metrics": {"load_1m": 1}}'))$$,
  'a heartbeat that changes everything it can'
);
select is(
  pg_stat_get_xact_tuples_hot_updated('public.agents'::regclass),
  pg_stat_get_xact_tuples_updated('public.agents'::regclass),
  'every update above stayed on its page'
);
select cmp_ok(
  pg_stat_get_xact_tuples_updated('public.agents'::regclass), '>=', 10::bigint, 'of which there were some'
);

-- A long list
reset role;
insert into public.agents (id, name, heartbeat_interval_seconds)
  select gen_random_uuid(), 'many', 100 + n from generate_series(1, 100) as n;
create temporary table list as
  select row_number() over () as place, a.id, a.heartbeat_interval_seconds, n % 3 = 0 as refused
  from public.agents as a, generate_series(1, 9) as n where a.name = 'many' order by md5(n || a.name || a.id);
grant select on list to service_role;
set local role service_role;
select is(
  (select public.record_heartbeats(jsonb_agg(
    pg_temp.beat('nobody', jsonb_build_object('agent_id', id, 'epoch', case when refused then 2 else 1 end))
    order by place
  )) from list),
  (select jsonb_agg(
    case when not refused then jsonb_build_object('heartbeat_interval_seconds', heartbeat_interval_seconds) end
    order by place
  ) from list),
  '900 beats of 100 agents in any order have their verdicts in that order'
);
select results_eq(
  $$select distinct heartbeats_count from public.agents where name = 'many'$$, 'values (6::bigint)',
  'and are counted, the accepted ones'
);

select finish();
rollback;
