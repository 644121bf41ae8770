-- Liveness at each of its boundaries, to the millisecond, for the shortest, a usual and the longest interval.
begin;
select no_plan();

create temporary table silence (seconds integer, silent_for interval, liveness text);
insert into silence values
  (5, '0', 'online'), (5, '20.5 s', 'online'), (5, '20.501 s', 'late'), (5, '30 s', 'late'),
  (5, '30.001 s', 'offline'),
  (60, '0', 'online'), (60, '66 s', 'online'), (60, '81 s', 'online'), (60, '81.001 s', 'late'),
  (60, '195 s', 'late'), (60, '195.001 s', 'offline'), (60, '10 years', 'offline'),
  (86400, '95055 s', 'online'), (86400, '95055.001 s', 'late'), (86400, '259215 s', 'late'),
  (86400, '259215.001 s', 'offline'),
  -- A beat of the future is no proof of life, and a clock that was set back takes no agent offline.
  (60, '-5 s', 'online'), (60, '-5.001 s', 'late'), (60, '-1 hour', 'late'), (5, '-10 years', 'late');

select is(
  public.agent_liveness(
    null, null, '2026-11-23T12:00:00Z', status, seconds, '2026-11-23T12:00:00Z'::timestamptz + silent_for
  ),
  liveness, format('an agent that beats every %s s, was %s and has been silent for %s is %s', seconds, status, silent_for, liveness)
) from silence, unnest(array['healthy', 'degraded', 'unhealthy']) as status;

select is(
  public.agent_liveness(revoked_at, restored_at, last_seen_at, status, 60, '2026-11-23T12:00:00Z'),
  liveness, description
)
from (values
  (null::timestamptz, null::timestamptz, null::timestamptz, null, 'pending', 'an agent that never beat is pending'),
  (null, null, '2026-11-23T12:00:00Z', 'stopping', 'stopped', 'an agent that said so is stopped at once'),
  (null, '2015-11-23T12:00:00Z', '2016-11-23T12:00:00Z', 'stopping', 'stopped', 'and stays so, however long it is silent'),
  ('2026-11-23T12:00:00Z', null, '2026-11-23T12:00:00Z', 'healthy', 'revoked', 'revoked comes before online'),
  ('2026-11-23T12:00:00Z', null, null, null, 'revoked', 'revoked comes before pending'),
  ('2026-11-23T12:00:00Z', null, '2026-11-23T12:00:00Z', 'stopping', 'revoked', 'revoked comes before stopped'),
  ('2027-11-23T12:00:00Z', null, '2026-11-23T12:00:00Z', 'healthy', 'revoked', 'a revocation stamped by a clock ahead counts'),
  (null, '2026-11-23T12:00:00Z', '2026-11-23T11:59:59Z', 'healthy', 'pending', 'an agent that was restored is pending'),
  (null, '2026-11-23T12:00:00Z', '2026-11-23T11:59:59Z', 'stopping', 'pending', 'also one that had stopped'),
  (null, '2026-11-23T11:59:59Z', '2026-11-23T12:00:00Z', 'healthy', 'online', 'until it beats again')
) as precedence (revoked_at, restored_at, last_seen_at, status, liveness, description);

create function pg_temp.beats(agent text, at timestamptz, said text, every integer default 60) returns void language sql as $$
  insert into public.agents (name, heartbeat_interval_seconds) values (agent, every);
  update public.agent_beats set last_seen_at = at, heartbeats_count = 1, status = said
    where agent_id = (select a.id from public.agents as a where a.name = agent);
$$;
select pg_temp.beats('a', now() - interval '81 s', 'healthy'), pg_temp.beats('b', now() - interval '81.001 s', 'healthy'),
  pg_temp.beats('c', now() - interval '195.001 s', 'healthy'), pg_temp.beats('d', now() - interval '1 day', 'stopping');
insert into public.agents (name) values ('e');
insert into public.agents (name, revoked_at) values ('f', now());
set local role service_role;
select results_eq(
  'select name, liveness from public.fleet order by name',
  $$values ('a', 'online'), ('b', 'late'), ('c', 'offline'), ('d', 'stopped'), ('e', 'pending'), ('f', 'revoked')$$,
  'the fleet shows the liveness as of now'
);
select results_eq(
  'select name, public.agent_json(a) ->> ''liveness'' from public.agents as a order by name',
  'select name, liveness from public.fleet order by name',
  'and so does the Agent of the contract'
);
select is(
  public.count_agents(), '{"online": 1, "late": 1, "offline": 1, "stopped": 1, "pending": 1, "revoked": 1}'::jsonb,
  'the counts are those of the fleet'
);
select results_eq(
  'select silent_for from public.fleet where name = ''b''', $$values (interval '81 s')$$,
  'the fleet shows the silence in whole seconds'
);

reset role;
select pg_temp.beats('g', now() + interval '1 hour', 'healthy'), pg_temp.beats('h', now() + interval '5.001 s', 'unhealthy', 5),
  pg_temp.beats('i', now() + interval '5 s', 'healthy');
set local role service_role;
select results_eq(
  'select name, liveness, silent_for from public.fleet where name in (''g'', ''h'', ''i'') order by name',
  $$values ('g', 'late', interval '0'), ('h', 'late', interval '0'), ('i', 'online', interval '0')$$,
  'what beat in the future is late, and has been silent for no less than nothing'
);
select set_eq(
  $$select jsonb_array_elements_text(public.upkeep())::uuid$$,
  $$select id from public.agents where name in ('g', 'h')$$,
  'upkeep names the agents whose last beat was of the future'
);
select results_eq(
  'select name, now() - last_seen_at from public.fleet where name in (''g'', ''h'', ''i'') order by name',
  $$values ('g', interval '81 s'), ('h', interval '20.5 s'), ('i', interval '-5 s')$$,
  'and has their silence go on from the end of what counts as online'
);
select is(public.upkeep(), null, 'a second run finds nothing to correct');
select is(public.check_health(), true, 'a session that may write is told so');
set local transaction_read_only = on;
select throws_ok('select public.check_health()', '25006', null, 'one that may not is told as a write would be');

select finish();
rollback;
