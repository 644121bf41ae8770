-- create_agent, get_agent and revoke_agent.
begin;
select no_plan();

insert into auth.users (id) values
  ('a0000000-0000-4000-8000-000000000001'), ('b0000000-0000-4000-8000-000000000002');
set local role service_role;

create temporary table made as select public.create_agent(
  agent => '{"name": "edge 1", "labels": {"zone": "a"}, "heartbeat_interval_seconds": 30}',
  owner_id => 'a0000000-0000-4000-8000-000000000001', owner_limit => 2,
  secret_digest => 'sha256:' || repeat('a', 64),
  act => '{"actor": "user:a0000000-0000-4000-8000-000000000001", "address": "192.0.2.1"}'
) as reply;

select results_eq(
  $$select reply #>> '{agent,name}', reply #> '{agent,labels}', reply #>> '{agent,heartbeat_interval_seconds}',
      reply #>> '{agent,owner_id}', reply #>> '{agent,liveness}' from made$$,
  $$values ('edge 1', '{"zone": "a"}'::jsonb, '30', 'a0000000-0000-4000-8000-000000000001', 'pending')$$,
  'create_agent returns the Agent'
);
select results_eq(
  $$select key from made, jsonb_object_keys(reply -> 'agent') as key order by key collate "C"$$,
  $$select name from unnest(array['arch', 'back_at', 'busy', 'clock_offset_seconds', 'copies', 'created_at',
    'heartbeat_interval_seconds', 'hostname', 'id', 'labels', 'last_handshake_at', 'last_progress_at',
    'last_refusal', 'last_refused_at', 'last_secret', 'last_seen_at', 'liveness', 'liveness_since', 'message',
    'metrics', 'muted_until', 'name', 'os', 'owner_id', 'previous_secret_expires_at',
    'progress_deadline_seconds', 'refused_handshakes_count', 'revoked_at', 'rotation', 'secret_created_at',
    'status', 'version']) as name$$,
  'with the fields of the contract and no others'
);
select unalike(reply::text, '%sha256%', 'and without the digest') from made;
select results_eq(
  'select agent_secret::text, session_epoch::integer from public.agents join public.agent_beats on agent_id = id', $$values ('sha256:' || repeat('a', 64), 1)$$,
  'create_agent keeps the digest'
);
select results_eq(
  'select kind, actor, address, owner_id::text, agent_name, detail from public.agent_events',
  $$values ('created', 'user:a0000000-0000-4000-8000-000000000001', '192.0.2.1',
    'a0000000-0000-4000-8000-000000000001', 'edge 1', '{"name": "edge 1", "labels": {"zone": "a"}, "heartbeat_interval_seconds": 30}'::jsonb)$$,
  'create_agent records who made what'
);

prepare enrol (uuid, integer) as
  select public.create_agent('{"name": "another", "labels": {}, "heartbeat_interval_seconds": 60}', $1, $2, 'sha256:' || repeat('b', 64), '{"actor": "key:default"}') as reply;
select ok(
  (public.create_agent('{"name": "second", "labels": {}, "heartbeat_interval_seconds": 60}', 'a0000000-0000-4000-8000-000000000001', 2, null, '{"actor": "key:default"}')) ? 'agent',
  'the owner''s last agent within the limit is made'
);
select results_eq(
  $$execute enrol('a0000000-0000-4000-8000-000000000001', 2)$$, $$values ('{"refused": "owner_limit"}'::jsonb)$$,
  'one more than owner_limit is refused'
);
select results_eq('select count(*) from public.agents', 'values (2::bigint)', 'and makes no agent');
select results_eq('select count(*) from public.agent_events', 'values (2::bigint)', 'and no event');
select ok(
  (public.create_agent('{"name": "another''s", "labels": {}, "heartbeat_interval_seconds": 60}', 'b0000000-0000-4000-8000-000000000002', 2, null, '{"actor": "key:default"}')) ? 'agent',
  'another owner has a limit of their own'
);
select ok(
  (public.create_agent('{"name": "third", "labels": {}, "heartbeat_interval_seconds": 60}', 'a0000000-0000-4000-8000-000000000001', null, null, '{"actor": "key:default"}')) ? 'agent',
  'no limit is no limit'
);
select results_eq(
  $$execute enrol('f0000000-0000-4000-8000-00000000000f', 10)$$, $$values ('{"refused": "owner_unknown"}'::jsonb)$$,
  'an owner who is nobody is refused'
);
select results_eq('select count(*) from public.agents', 'values (4::bigint)', 'and makes no agent');
select throws_ok(
  $$select public.create_agent('{"name": "", "labels": {}, "heartbeat_interval_seconds": 60}', null, null, null, '{"actor": "key:default"}')$$, '23514', null,
  'a value that breaks a constraint is an error, not a refusal'
);

-- Reading
insert into public.agents (owner_id, name) values ('a0000000-0000-4000-8000-000000000001', 'to revoke');
create temporary table target as select id from public.agents where name = 'to revoke';
select is(
  public.get_agent(id, null) ->> 'name', 'to revoke', 'get_agent finds any agent for a key'
) from target;
select is(
  public.get_agent(id, 'a0000000-0000-4000-8000-000000000001') ->> 'name', 'to revoke', 'and their own for an owner'
) from target;
select is(
  public.get_agent(id, 'b0000000-0000-4000-8000-000000000002'), null, 'and null for somebody else''s owner'
) from target;
select is(public.get_agent('f0000000-0000-4000-8000-00000000000f', null), null, 'and null for an unknown id');

-- Revoking
select is(
  public.revoke_agent(id, 'b0000000-0000-4000-8000-000000000002', '{"actor": "key:default"}'), null,
  'revoke_agent does not find somebody else''s agent'
) from target;
select results_eq(
  'select revoked_at, session_epoch::integer from public.agents join public.agent_beats on agent_id = id join target using (id)', 'values (null::timestamptz, 1)',
  'and leaves it as it is'
);
select is(
  public.revoke_agent(id, 'a0000000-0000-4000-8000-000000000001',
    '{"actor": "user:a0000000-0000-4000-8000-000000000001", "address": "192.0.2.1"}')
    ->> 'liveness',
  'revoked', 'revoke_agent returns the revoked Agent'
) from target;
select results_eq(
  'select revoked_at, session_epoch::integer from public.agents join public.agent_beats on agent_id = id join target using (id)', 'values (now(), 2)',
  'a revocation is stamped and ends the sessions'
);
select is(
  public.revoke_agent(id, null, '{"actor": "key:default"}') ->> 'liveness', 'revoked', 'the second revocation returns the same'
) from target;
select results_eq(
  $$select kind, actor from public.agent_events join target on agent_id = target.id$$,
  $$values ('revoked', 'user:a0000000-0000-4000-8000-000000000001')$$,
  'and leaves one event, of the first'
);
select results_eq(
  'select session_epoch::integer from public.agent_beats join target on target.id = agent_id', 'values (2)', 'and the epoch as it was'
);
select is(
  public.revoke_agent('f0000000-0000-4000-8000-00000000000f', null, '{"actor": "key:default"}'), null,
  'revoke_agent does not find an unknown id'
);

select finish();
rollback;
