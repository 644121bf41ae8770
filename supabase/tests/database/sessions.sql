-- open_session, record_refusals and read_session. What secrets do beyond it is in secrets.sql.
begin;
select no_plan();

insert into public.agents (id, name, agent_secret, session_epoch, revoked_at) values
  ('a1000000-0000-4000-8000-000000000001', 'active', 'sha256:' || repeat('a', 64), 3, null),
  ('b1000000-0000-4000-8000-000000000002', 'no secret', null, 1, null),
  ('c1000000-0000-4000-8000-000000000003', 'revoked', 'sha256:' || repeat('c', 64), 2, now());
create temporary table before as select a, a.ctid as place from public.agents as a;
grant select on before to service_role;
set local role service_role;

-- Refusals
select is(public.open_session(id, digest, 'e1000000-0000-4000-8000-00000000000e', '{"version": "1"}', null), null, format('open_session refuses %s', what))
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
  public.open_session(
    'a1000000-0000-4000-8000-000000000001', 'sha256:' || repeat('a', 64), null,
    '{"version": "1.0", "hostname": "h", "os": "linux", "arch": "x86_64"}', '192.0.2.1'
  ),
  '{"id": "a1000000-0000-4000-8000-000000000001", "name": "active", "epoch": 3, "heartbeat_interval_seconds": 60,
    "secret_age_seconds": 0, "adopting": false, "adopted": false}',
  'open_session returns what the reply needs'
);
select results_eq(
  $$select last_handshake_at, handshakes_count, version, hostname, os, arch, last_seen_at, session_epoch
    from public.agents where name = 'active'$$,
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
  public.open_session('a1000000-0000-4000-8000-000000000001', 'sha256:' || repeat('a', 64), null, '{"version": "1.1"}', null),
  null, 'the second handshake is let in as well'
);
select results_eq(
  $$select handshakes_count, version, hostname from public.agents where name = 'active'$$,
  $$values (2::bigint, '1.1', 'h')$$, 'it changes what the client said, and keeps what it did not say'
);
select results_eq('select count(*) from public.agent_events', 'values (1::bigint)', 'and is no event');
select set_eq(
  $$select a::text from public.agents as a where name <> 'active'$$,
  $$select a::text from before where (a).name <> 'active'$$, 'the other agents are untouched'
);

-- Reading
select is(
  public.read_session('a1000000-0000-4000-8000-000000000001', 3) ->> 'name', 'active',
  'read_session returns the Agent of the session'
);
select is(public.read_session(id, epoch), null, format('read_session is null for %s', what))
from (values
  ('a1000000-0000-4000-8000-000000000001'::uuid, 2, 'an epoch that has passed'),
  ('a1000000-0000-4000-8000-000000000001', 4, 'an epoch to come'),
  ('c1000000-0000-4000-8000-000000000003', 2, 'a revoked agent'),
  ('f0000000-0000-4000-8000-00000000000f', 1, 'an unknown id')
) as ended (id, epoch, what);

select finish();
rollback;
