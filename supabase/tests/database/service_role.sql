-- The service role: sees all, and changes what its functions change, column by column.
begin;
select no_plan();

insert into auth.users (id) values ('a0000000-0000-4000-8000-000000000001');
insert into public.agents (id, owner_id, name, agent_secret) values
  ('a1000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'owned',
    'sha256:' || repeat('a', 64)),
  ('c1000000-0000-4000-8000-000000000003', null, 'nobody''s', null);
insert into public.agent_events (agent_id, owner_id, kind, actor)
  select id, owner_id, 'created', 'key:default' from public.agents;

set local role service_role;
set local request.jwt.claims = '{"role": "service_role"}';

select results_eq(
  'select name::text from public.agents order by name', $$values ('nobody''s'), ('owned')$$,
  'the service role reads every agent'
);
select results_eq('select count(*) from public.agent_events', 'values (2::bigint)', 'and every event');
select results_eq(
  'select name::text, liveness from public.fleet order by name',
  $$values ('nobody''s', 'pending'), ('owned', 'pending')$$, 'and the whole fleet'
);
select lives_ok(
  $$insert into public.agents (owner_id, name, labels, heartbeat_interval_seconds, agent_secret)
    values (null, 'new', '{}', 60, null)$$,
  'the service role creates an agent'
);
select lives_ok(
  $$update public.agent_beats set last_seen_at = now(), heartbeats_count = 1, status = 'healthy'
    where agent_id = 'c1000000-0000-4000-8000-000000000003'$$,
  'the service role records what an agent does'
);
select lives_ok(
  $$insert into public.agent_events (agent_id, kind, actor, detail)
    values ('c1000000-0000-4000-8000-000000000003', 'revoked', 'key:default', '{}')$$,
  'the service role adds an event'
);

-- What the service role may not do either: a stolen secret API key cannot rewrite the past.
select throws_ok(
  format('update public.agents set %I = %I', name, name), '42501', null,
  format('the service role cannot change %s', name)
) from unnest(array[
  'id', 'owner_id', 'created_at'
]) as name;
select throws_ok('delete from public.agent_beats', '42501', null, 'nor delete what an agent''s beats change');
select throws_ok('truncate public.agents', '42501', null, 'the service role cannot empty the agents');
select throws_ok(
  format('update public.agent_events set %I = %I', name, name), '42501', null,
  format('the service role cannot change %s of an event', name)
) from unnest(array['agent_id', 'happened_at', 'kind', 'actor', 'detail']) as name;
select throws_ok('delete from public.agent_events', '42501', null, 'the service role cannot delete an event');
select throws_ok('truncate public.agent_events', '42501', null, 'the service role cannot empty the events');
select throws_ok(
  $$insert into public.agent_events (agent_id, kind, actor, happened_at)
    values ('c1000000-0000-4000-8000-000000000003', 'revoked', 'key:default', 'epoch')$$,
  '42501', null, 'the service role cannot antedate an event'
);

select finish();
rollback;
