-- edit_agent, restore_agent, end_agent_sessions and delete_agent.
begin;
select no_plan();

create function pg_temp.open_session(agent_id uuid, secret_digest text, instance_id uuid, client jsonb, address text)
  returns jsonb language sql as $$
  select public.open_sessions(jsonb_build_array(jsonb_build_object(
    'agent_id', agent_id, 'secret_digest', secret_digest, 'instance_id', instance_id, 'client', client,
    'address', address
  ))) -> 0
$$;

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

insert into auth.users (id) values
  ('a0000000-0000-4000-8000-000000000001'), ('b0000000-0000-4000-8000-000000000002');
insert into public.agents (id, owner_id, name, labels, agent_secret, secret_created_at)
  values (
    'a1000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'edge 1', '{"zone": "a"}',
    'sha256:' || repeat('a', 64), now()
  );
update public.agent_beats set last_seen_at = now() - interval '10 seconds', online_since = now() - interval '1 hour',
  heartbeats_count = 5, status = 'healthy';
set local role service_role;

create temporary table given as select
  'a1000000-0000-4000-8000-000000000001'::uuid as id,
  'a0000000-0000-4000-8000-000000000001'::uuid as owner,
  'b0000000-0000-4000-8000-000000000002'::uuid as stranger,
  '{"actor": "key:default", "address": "192.0.2.1"}'::jsonb as act;
create temporary table original as select a.* from public.agents as a;
prepare events as
  select e.kind, e.actor, e.address, e.owner_id::text, e.agent_name, e.detail from public.agent_events as e order by e.id;

-- A stranger's acts
select is(public.edit_agent(id, stranger, '{"name": "mine"}', act), null, 'edit_agent does not find another owner''s agent')
  from given;
select is(public.restore_agent(id, stranger, act), null, 'nor does restore_agent') from given;
select is(public.end_agent_sessions(id, stranger, act), null, 'nor does end_agent_sessions') from given;
select is(public.delete_agent(id, stranger, 'edge 1', act), null, 'nor does delete_agent') from given;
select is(public.edit_agent(stranger, null, '{"name": "mine"}', act), null, 'nor any of them an unknown id') from given;
select is(public.restore_agent(stranger, null, act), null, 'restore_agent') from given;
select is(public.end_agent_sessions(stranger, null, act), null, 'end_agent_sessions') from given;
select is(public.delete_agent(stranger, null, 'edge 1', act), null, 'delete_agent') from given;
select results_eq('select a.* from public.agents as a', 'table original', 'and the agent is as it was');
select is_empty('execute events', 'and no event was written');

-- Editing
select is(public.edit_agent(id, owner, '{"name": "edge 1", "labels": {"zone": "a"}, "muted_until": null}', act) ->> 'name', 'edge 1', 'what is so already is no change')
  from given;
select is_empty('execute events', 'and no event');
select results_eq(
  $$select edited ->> 'name', edited -> 'labels', edited ->> 'heartbeat_interval_seconds', edited ->> 'progress_deadline_seconds'
    from given, public.edit_agent(id, owner, '{"name": "edge 2", "labels": {}, "progress_deadline_seconds": 600}', act) as edited$$,
  $$values ('edge 2', '{}'::jsonb, '60', '600')$$, 'edit_agent changes what is named, and returns the Agent'
);
select results_eq(
  'execute events',
  $$values ('edited', 'key:default', '192.0.2.1', 'a0000000-0000-4000-8000-000000000001', 'edge 2', '{
    "name": {"from": "edge 1", "to": "edge 2"}, "labels": {"from": {"zone": "a"}, "to": {}},
    "progress_deadline_seconds": {"from": null, "to": 600}}'::jsonb)$$,
  'with one event that says what changed, from where and by whom'
);
select is(public.edit_agent(id, null, '{"muted_until": "2030-01-01T00:00:00Z"}', act) ->> 'muted_until', '2030-01-01T00:00:00.000Z', 'muting')
  from given;
select is(public.edit_agent(id, null, '{"muted_until": null, "name": "edge 1"}', act) ->> 'muted_until', null, 'and no longer')
  from given;
select results_eq(
  $$select kind, detail from public.agent_events order by id offset 1$$,
  $$values ('muted', '{"until": "2030-01-01T00:00:00.000Z"}'::jsonb), ('muted', '{"until": null}'),
    ('edited', '{"name": {"from": "edge 2", "to": "edge 1"}}')$$,
  'have events of their own'
);
select throws_ok(
  format('select public.edit_agent(id, null, %L, act) from given', changes), '23514', null, changes || ' breaks a constraint'
) from unnest(array['{"name": ""}', '{"labels": []}', '{"heartbeat_interval_seconds": 1}', '{"progress_deadline_seconds": 1}']) as changes;
select is(
  public.edit_agent(id, null, '{"agent_secret": null, "owner_id": null, "session_epoch": 9, "created_at": "epoch"}', act) ->> 'owner_id',
  owner::text, 'nothing else is edited'
) from given;
select results_eq(
  'select agent_secret, created_at, session_epoch::integer from public.agents join public.agent_beats on agent_id = id',
  'select o.agent_secret, o.created_at, 1 from original as o', 'neither secret nor epoch nor birth'
);
select results_eq('select count(*) from public.agent_events', 'values (4::bigint)', 'and no event');

-- What its beats are to know
select ok(public.edit_agent(id, null, '{"heartbeat_interval_seconds": 7}', act) is not null, 'another interval') from given;
select results_eq('select interval_seconds from public.agent_beats', 'values (7)', 'which its next beat is told');

-- Sessions
select is(public.end_agent_sessions(id, owner, act) ->> 'liveness', 'online', 'end_agent_sessions leaves the agent in the fleet')
  from given;
select is(public.end_agent_sessions(id, null, act) ->> 'id', id::text, 'the second time is fine') from given;
select results_eq('select session_epoch::integer from public.agent_beats', 'values (3)', 'each ends what was opened until then');

-- Revoked and restored
select is(public.restore_agent(id, null, act) ->> 'liveness', 'online', 'restore_agent leaves an agent alone that is not revoked')
  from given;
select is(public.revoke_agent(id, null, act) ->> 'liveness', 'revoked', 'revoked') from given;
select is(public.end_agent_sessions(id, null, act) ->> 'liveness', 'revoked', 'a revoked agent has no sessions to end') from given;
select results_eq(
  $$select restored ->> 'liveness', restored ->> 'liveness_since', restored ->> 'revoked_at', restored ->> 'last_seen_at' is null
    from given, public.restore_agent(id, owner, act) as restored$$,
  'select ''pending'', public.rfc3339(now()), null::text, false', 'restore_agent: pending until its next beat'
);
select is(public.restore_agent(id, owner, act) ->> 'liveness', 'pending', 'the second time is fine') from given;
select results_eq(
  'select agent_secret::text, session_epoch::integer from public.agents join public.agent_beats on agent_id = id', $$values ('sha256:' || repeat('a', 64), 4)$$,
  'the secret is the old one, the sessions of before stay ended'
);
select results_eq(
  'select kind from public.agent_events order by id offset 5',
  $$values ('sessions_ended'), ('sessions_ended'), ('revoked'), ('restored')$$, 'with one event for each act that did something'
);
select isnt(pg_temp.open_session(id, 'sha256:' || repeat('a', 64), null, '{}', null), null, 'and it shakes hands again') from given;

-- Deleting
select is(public.delete_agent(id, owner, 'edge 2', act), '{"refused": "other_name"}', 'delete_agent wants the agent''s own name')
  from given;
select is(public.delete_agent(id, owner, 'Edge 1', act), '{"refused": "other_name"}', 'to the letter') from given;
select results_eq('select count(*) from public.agents', 'values (1::bigint)', 'else nothing is deleted');
select is(public.delete_agent(id, owner, 'edge 1', act) #>> '{agent,name}', 'edge 1', 'and returns what the agent was') from given;
select is_empty('select 1 from public.agents', 'the row is gone');
select is_empty('select 1 from public.agent_beats', 'with what its beats said');
select is(public.delete_agent(id, owner, 'edge 1', act), null, 'and is not found again') from given;
select results_eq(
  $$select kind, owner_id::text, agent_name from public.agent_events where agent_id = 'a1000000-0000-4000-8000-000000000001' order by id desc limit 1$$,
  $$values ('deleted', 'a0000000-0000-4000-8000-000000000001', 'edge 1')$$, 'its events stay, with their owner and name'
);
select is(
  pg_temp.record_heartbeats('[{"agent_id": "a1000000-0000-4000-8000-000000000001", "epoch": 4, "status": "healthy", "metrics": {}}]'),
  '[null]', 'and its next beat is refused'
);

select finish();
rollback;
