-- open_session, record_refusals and read_session. What secrets do beyond it is in secrets.sql.
begin;
select no_plan();

create function pg_temp.open_session(agent_id uuid, secret_digest text, instance_id uuid, client jsonb, address text)
  returns jsonb language sql as $$
  select public.open_sessions(jsonb_build_array(jsonb_build_object(
    'agent_id', agent_id, 'secret_digest', secret_digest, 'instance_id', instance_id, 'client', client,
    'address', address
  ))) -> 0
$$;

insert into public.agents (id, name, agent_secret, revoked_at) values
  ('a1000000-0000-4000-8000-000000000001', 'active', 'sha256:' || repeat('a', 64), null),
  ('b1000000-0000-4000-8000-000000000002', 'no secret', null, null),
  ('c1000000-0000-4000-8000-000000000003', 'revoked', 'sha256:' || repeat('c', 64), now());
update public.agent_beats set session_epoch = 3 where agent_id = 'a1000000-0000-4000-8000-000000000001';
create temporary table before as select a, a.ctid as place from public.agents as a;
grant select on before to service_role;
set local role service_role;

-- Refusals
select is(pg_temp.open_session(id, digest, 'e1000000-0000-4000-8000-00000000000e', '{"version": "1"}', null), null, format('open_session refuses %s', what))
from (values
  ('f0000000-0000-4000-8000-00000000000f'::uuid, 'sha256:' || repeat('a', 64), 'an unknown id'),
  ('a1000000-0000-4000-8000-000000000001', 'sha256:' || repeat('b', 64), 'a wrong secret'),
  ('a1000000-0000-4000-8000-000000000001', null, 'no digest'),
  ('a1000000-0000-4000-8000-000000000001', '', 'an empty digest'),
  ('a1000000-0000-4000-8000-000000000001', '%', 'a pattern'),
  ('b1000000-0000-4000-8000-000000000002', 'sha256:' || repeat('a', 64), 'an agent without a secret'),
  ('b1000000-0000-4000-8000-000000000002', null, 'an agent without a secret and no digest'),
  ('c1000000-0000-4000-8000-000000000003', 'sha256:' || repeat('c', 64), 'a revoked agent')
) as refused (id, digest, what);
select set_eq(
  'select a::text, a.ctid::text as place from public.agents as a', 'select a::text, place::text from before',
  'and writes no row, not even the same anew'
);
select is_empty('select 1 from public.agent_events', 'and no event');
select is_empty('select 1 from public.agent_instances', 'and no instance');

-- The first handshake
select is(
  pg_temp.open_session(
    'a1000000-0000-4000-8000-000000000001', 'sha256:' || repeat('a', 64), null,
    '{"version": "1.0", "hostname": "h", "os": "linux", "arch": "x86_64"}', '192.0.2.1'
  ),
  '{"id": "a1000000-0000-4000-8000-000000000001", "name": "active", "epoch": 3, "heartbeat_interval_seconds": 60,
    "secret_age_seconds": 0, "adopting": false, "adopted": false}',
  'open_session returns what the reply needs'
);
select results_eq(
  $$select last_handshake_at, handshakes_count, version::text, hostname::text, os::text, arch::text, last_seen_at,
      session_epoch::integer
    from public.agents join public.agent_beats on agent_id = id where name = 'active'$$,
  $$values (now(), 1::bigint, '1.0', 'h', 'linux', 'x86_64', null::timestamptz, 3)$$,
  'it counts and stamps the handshake, and does not move last_seen_at'
);
select results_eq(
  'select agent_id, kind, actor, address, detail from public.agent_events',
  $$values ('a1000000-0000-4000-8000-000000000001'::uuid, 'first_handshake', 'agent', '192.0.2.1',
    '{"version": "1.0", "hostname": "h", "os": "linux", "arch": "x86_64"}'::jsonb)$$,
  'the first handshake is an event'
);

-- The second
select isnt(
  pg_temp.open_session('a1000000-0000-4000-8000-000000000001', 'sha256:' || repeat('a', 64), null, '{"version": "1.1"}', null),
  null, 'the second handshake is let in as well'
);
select results_eq(
  $$select handshakes_count, version::text, hostname::text from public.agents where name = 'active'$$,
  $$values (2::bigint, '1.1', 'h')$$, 'it changes what the client said, and keeps what it did not say'
);
select results_eq('select count(*) from public.agent_events', 'values (1::bigint)', 'and is no event');
select set_eq(
  $$select a::text from public.agents as a where name <> 'active'$$,
  $$select a::text from before where (a).name <> 'active'$$, 'the other agents are untouched'
);

-- A list
reset role;
insert into public.agents (id, name, agent_secret, pending_secret, pending_secret_created_at) values
  ('d1000000-0000-4000-8000-000000000004', 'rotating', 'sha256:' || repeat('d', 64), 'sha256:' || repeat('e', 64), now());
update public.agent_beats set rotation_requested_at = now() where agent_id = 'd1000000-0000-4000-8000-000000000004';
set local role service_role;
create function pg_temp.presented(agent_id uuid, secret_digest text) returns jsonb language sql as $$
  select jsonb_build_object('agent_id', agent_id, 'secret_digest', secret_digest, 'client', '{}'::jsonb)
$$;
select results_eq(
  $$select r.value ->> 'name', r.value ->> 'epoch' from jsonb_array_elements(public.open_sessions(jsonb_build_array(
    pg_temp.presented('f0000000-0000-4000-8000-00000000000f', 'sha256:' || repeat('a', 64)),
    pg_temp.presented('d1000000-0000-4000-8000-000000000004', 'sha256:' || repeat('e', 64)),
    pg_temp.presented('c1000000-0000-4000-8000-000000000003', 'sha256:' || repeat('c', 64)),
    pg_temp.presented('a1000000-0000-4000-8000-000000000001', 'sha256:' || repeat('a', 64)),
    pg_temp.presented('b1000000-0000-4000-8000-000000000002', 'sha256:' || repeat('a', 64))
  ))) with ordinality as r (value, place) order by place$$,
  $$values (null, null), ('rotating', '1'), (null, null), ('active', '3'), (null, null)$$,
  'a list has a result for each of its handshakes, in their order'
);
select results_eq(
  $$select agent_secret::text, pending_secret::text, rotation_requested_at
    from public.agents join public.agent_beats on agent_id = id where name = 'rotating'$$,
  $$values ('sha256:' || repeat('e', 64), null, null::timestamptz)$$, 'a pending secret in it ends the rotation'
);
select throws_ok(
  $$select public.open_sessions(jsonb_build_array(
    pg_temp.presented('a1000000-0000-4000-8000-000000000001', 'sha256:' || repeat('a', 64)),
    pg_temp.presented('a1000000-0000-4000-8000-000000000001', 'sha256:' || repeat('a', 64))
  ))$$,
  '21000', null, 'a list that would let an agent in twice is refused'
);
select is(
  (public.open_sessions(jsonb_build_array(
    pg_temp.presented('a1000000-0000-4000-8000-000000000001', 'sha256:' || repeat(secrets[1], 64)),
    pg_temp.presented('a1000000-0000-4000-8000-000000000001', 'sha256:' || repeat(secrets[2], 64)),
    pg_temp.presented('a1000000-0000-4000-8000-000000000001', 'sha256:' || repeat(secrets[3], 64))
  )) #> array['0', 'id']) is not null, secrets[1] = 'a',
  format('of the secrets %s of one agent, in one list, the first is %s', secrets, case when secrets[1] = 'a' then 'let in' else 'refused' end)
)
from (values (array['a', 'b', 'c']), (array['b', 'a', 'c']), (array['b', 'c', 'a'])) as turns (secrets);
select results_eq(
  $$select r.value ->> 'name' from jsonb_array_elements(public.open_sessions(jsonb_build_array(
      pg_temp.presented('a1000000-0000-4000-8000-000000000001', 'sha256:' || repeat('b', 64)),
      pg_temp.presented('a1000000-0000-4000-8000-000000000001', 'sha256:' || repeat('a', 64)),
      pg_temp.presented('a1000000-0000-4000-8000-000000000001', 'sha256:' || repeat('c', 64))
    ))) with ordinality as r (value, place) order by r.place$$,
  $$values (null), ('active'), (null)$$, 'and the right one alone gets a session'
);
select is(public.open_sessions('[]'), null, 'an empty list lets nobody in');

-- Reading
select is(
  public.read_session('a1000000-0000-4000-8000-000000000001', 3) ->> 'name', 'active',
  'read_session returns the Agent of the session'
);
select is(public.read_session(id, epoch), null, format('read_session is null for %s', what))
from (values
  ('a1000000-0000-4000-8000-000000000001'::uuid, 2, 'an epoch that has passed'),
  ('a1000000-0000-4000-8000-000000000001', 4, 'an epoch to come'),
  ('c1000000-0000-4000-8000-000000000003', 1, 'a revoked agent'),
  ('f0000000-0000-4000-8000-00000000000f', 1, 'an unknown id')
) as ended (id, epoch, what);

select finish();
rollback;
