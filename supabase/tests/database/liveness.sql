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
    null, null, '2026-11-23T12:00:00Z', status, null, null, null, seconds, null,
    '2026-11-23T12:00:00Z'::timestamptz + silent_for
  ),
  liveness, format('an agent that beats every %s s, was %s and has been silent for %s is %s', seconds, status, silent_for, liveness)
) from silence, unnest(array['healthy', 'degraded', 'unhealthy']) as status;

select is(
  public.agent_liveness(
    revoked_at, restored_at, last_seen_at, status, null, true, '2026-11-23T11:59:00Z', 60, 90, '2026-11-23T12:00:00Z'
  ),
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

-- Work that stands still, by when its deadline of 600 s began to count; the agent beats each 60 s.
select is(
  public.agent_liveness(
    null, null, '2026-11-23T12:00:00Z'::timestamptz - silent_for, status, null, busy,
    '2026-11-23T12:00:00Z'::timestamptz - stood_still_for, 60, deadline, '2026-11-23T12:00:00Z'
  ),
  liveness, description
)
from (values
  (true, 600, interval '599.999 s', interval '0', 'healthy', 'online', 'work within its deadline is online'),
  (true, 600, '600 s', '0', 'healthy', 'stalled', 'work that has stood still for its deadline is stalled'),
  (true, 600, '10 years', '0', 'healthy', 'stalled', 'and stays so'),
  (true, 600, '600 s', '0', 'unhealthy', 'stalled', 'also where the agent says that it is unhealthy'),
  (true, 600, '600 s', '81 s', 'healthy', 'stalled', 'as long as it beats'),
  (true, 600, '600 s', '81.001 s', 'healthy', 'late', 'a late one is late, whatever its work did'),
  (true, 600, '600 s', '195.001 s', 'healthy', 'offline', 'and an offline one offline'),
  (true, 600, '600 s', '0', 'stopping', 'stopped', 'one that has stopped is not stalled'),
  (true, 600, '600 s', '-5 s', 'healthy', 'stalled', 'a beat of the near future is one of now'),
  (true, 600, '600 s', '-5.001 s', 'healthy', 'late', 'and one of the far future is late'),
  (false, 600, '10 years', '0', 'healthy', 'online', 'an agent that is idle is not stalled'),
  (null, 600, '10 years', '0', 'healthy', 'online', 'nor is one that says nothing of work'),
  (true, null, '10 years', '0', 'healthy', 'online', 'nor one without a deadline'),
  (true, 600, null, '0', 'healthy', 'online', 'nor one of which nobody knows since when'),
  (true, 600, '-1 hour', '0', 'healthy', 'online', 'a deadline that a clock ahead began has not passed'),
  (true, 10, '10 s', '0', 'healthy', 'stalled', 'the shortest deadline'),
  (true, 604800, '604799.999 s', '0', 'healthy', 'online', 'the longest deadline, almost'),
  (true, 604800, '604800 s', '0', 'healthy', 'stalled', 'the longest deadline')
) as work (busy, deadline, stood_still_for, silent_for, status, liveness, description);

-- An agent that stopped a day before, by when it meant to be back; it beats each 60 s.
select is(
  public.agent_liveness(
    null, null, '2026-11-22T12:00:00Z', 'stopping', '2026-11-23T12:00:00Z'::timestamptz - back_for, true,
    '2026-11-22T12:00:00Z', 60, 600, '2026-11-23T12:00:00Z'
  ),
  liveness, description
)
from (values
  (interval '-1 day', 'stopped', 'an agent that is to be back tomorrow has stopped'),
  ('0', 'stopped', 'and one that is to be back now'),
  ('81 s', 'stopped', 'until its next beat would be late'), ('81.001 s', 'late', 'then it is late'),
  ('195 s', 'late', 'for as long as others are'), ('195.001 s', 'offline', 'and then offline'),
  (null, 'stopped', 'one that did not say has stopped')
) as planned (back_for, liveness, description);

-- Since when it is so, of an agent that was made at 00:00, was online at 01:00, beat at 02:00, and has a deadline of 600 s.
select is(
  public.agent_liveness_since(
    liveness, '2026-11-23T05:00:00Z', restored_at, '2026-11-23T02:00:00Z', back_at, deadline_from,
    '2026-11-23T01:00:00Z', '2026-11-23T00:00:00Z', 60, 600, moment
  ),
  since, description
)
from (values
  ('revoked', null::timestamptz, null::timestamptz, null::timestamptz, '2026-11-24T00:00:00Z'::timestamptz,
    '2026-11-23T05:00:00Z'::timestamptz, 'revoked since then'),
  ('revoked', null, null, null, '2026-11-23T04:00:00Z', '2026-11-23T04:00:00Z', 'by a clock that was ahead: since now'),
  ('pending', null, null, null, '2026-11-24T00:00:00Z', '2026-11-23T00:00:00Z', 'pending since it was made'),
  ('pending', '2026-11-23T03:00:00Z', null, null, '2026-11-24T00:00:00Z', '2026-11-23T03:00:00Z', 'or restored'),
  ('online', null, null, null, '2026-11-24T00:00:00Z', '2026-11-23T01:00:00Z', 'online since the first beat after a silence'),
  ('stopped', null, '2026-11-23T09:00:00Z', null, '2026-11-24T00:00:00Z', '2026-11-23T02:00:00Z', 'stopped since its last beat'),
  ('stalled', null, null, '2026-11-23T01:30:00Z', '2026-11-24T00:00:00Z', '2026-11-23T01:40:00Z', 'stalled since its deadline'),
  ('stalled', null, null, '2026-11-23T00:30:00Z', '2026-11-24T00:00:00Z', '2026-11-23T01:00:00Z',
    'of a deadline that passed while it was silent: since it was back'),
  ('late', null, null, null, '2026-11-24T00:00:00Z', '2026-11-23T02:01:21Z', 'late since 81 s after its beat'),
  ('late', null, '2026-11-23T09:00:00Z', null, '2026-11-24T00:00:00Z', '2026-11-23T09:01:21Z', 'or after it meant to be back'),
  ('late', null, null, null, '2026-11-22T00:00:00Z', '2026-11-22T00:00:00Z', 'late by a beat of the future since now'),
  ('offline', null, null, null, '2026-11-24T00:00:00Z', '2026-11-23T02:03:15Z', 'offline since 195 s after its beat'),
  ('offline', null, '2026-11-23T09:00:00Z', null, '2026-11-24T00:00:00Z', '2026-11-23T09:03:15Z', 'or after it meant to be back')
) as known (liveness, restored_at, back_at, deadline_from, moment, since, description);

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
  'select name::text, liveness from public.fleet order by name',
  $$values ('a', 'online'), ('b', 'late'), ('c', 'offline'), ('d', 'stopped'), ('e', 'pending'), ('f', 'revoked')$$,
  'the fleet shows the liveness as of now'
);
select results_eq(
  'select name::text, public.agent_json(a) ->> ''liveness'' from public.agents as a order by name',
  'select name::text, liveness from public.fleet order by name',
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
  'select name::text, liveness, silent_for from public.fleet where name in (''g'', ''h'', ''i'') order by name',
  $$values ('g', 'late', interval '0'), ('h', 'late', interval '0'), ('i', 'online', interval '0')$$,
  'what beat in the future is late, and has been silent for no less than nothing'
);
select set_eq(
  $$select jsonb_array_elements_text(public.upkeep())::uuid$$,
  $$select id from public.agents where name in ('g', 'h')$$,
  'upkeep names the agents whose last beat was of the future'
);
select results_eq(
  'select name::text, now() - last_seen_at from public.fleet where name in (''g'', ''h'', ''i'') order by name',
  $$values ('g', interval '81 s'), ('h', interval '20.5 s'), ('i', interval '-5 s')$$,
  'and has their silence go on from the end of what counts as online'
);
reset role;
select pg_temp.beats('j', now() + interval '1 hour', 'stopping');
update public.agent_beats set back_at = last_seen_at + interval '120 s'
  where agent_id = (select id from public.agents where name = 'j');
set local role service_role;
select is(jsonb_array_length(public.upkeep()), 1, 'upkeep finds one that stopped by a clock ahead');
select results_eq(
  'select liveness, back_at - last_seen_at, back_at + interval ''81 s'' - now() from public.fleet where name = ''j''',
  $$values ('stopped', interval '120 s', interval '120 s')$$,
  'and gives it from now the time that it asked for'
);
select is(public.upkeep(), null, 'a second run finds nothing to correct');
select is(public.check_health(), '{"tick": null}', 'a session that may write is told so');
set local transaction_read_only = on;
select throws_ok('select public.check_health()', '25006', null, 'one that may not is told as a write would be');

select finish();
rollback;
