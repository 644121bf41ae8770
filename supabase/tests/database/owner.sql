-- The owner: a Supabase user who reads what is theirs, all of it but the secret, and writes nothing.
begin;
select no_plan();

insert into auth.users (id) values
  ('a0000000-0000-4000-8000-000000000001'), ('b0000000-0000-4000-8000-000000000002');
insert into public.agents (id, owner_id, name, agent_secret) values
  ('a1000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'mine',
    'sha256:' || repeat('a', 64)),
  ('b1000000-0000-4000-8000-000000000002', 'b0000000-0000-4000-8000-000000000002', 'theirs', null),
  ('c1000000-0000-4000-8000-000000000003', null, 'nobody''s', null);
insert into public.agent_events (agent_id, owner_id, kind, actor)
  select id, owner_id, 'created', 'key:default' from public.agents;

set local role authenticated;
set local request.jwt.claims = '{"sub": "a0000000-0000-4000-8000-000000000001", "role": "authenticated"}';

select results_eq(
  $$select name::text from public.agents$$, $$values ('mine')$$,
  'an owner reads their own agents, and no others'
);
select lives_ok(
  $$select id, owner_id, name, labels, heartbeat_interval_seconds, created_at, version, hostname, os, arch,
      revoked_at, last_handshake_at, handshakes_count, last_refused_at, refused_handshakes_count
    from public.agents$$,
  'an owner reads every column that is no secret'
);
select results_eq(
  $$select agent_id from public.agent_beats$$, $$values ('a1000000-0000-4000-8000-000000000001'::uuid)$$,
  'an owner reads what their own agents'' beats said, and nobody else''s'
);
select throws_ok($$update public.agent_beats set message = 'x'$$, '42501', null, 'and changes none of it');
select results_eq(
  $$select agent_id, kind from public.agent_events$$,
  $$values ('a1000000-0000-4000-8000-000000000001'::uuid, 'created')$$,
  'an owner reads the events of their own agents, and no others'
);
select results_eq(
  $$select name::text, liveness from public.fleet$$, $$values ('mine', 'pending')$$,
  'an owner sees their own agents in the fleet, with their liveness'
);
select throws_ok(
  'select agent_secret from public.agents', '42501', null, 'an owner cannot read a secret''s digest'
);
select throws_ok(
  'select session_epoch from public.agent_beats', '42501', null, 'an owner cannot read a session''s epoch'
);
select throws_ok('select * from public.agents', '42501', null, 'an owner cannot read all columns at once');
select throws_ok(
  $$select 1 from public.agents where agent_secret like 'sha256:a%'$$, '42501', null,
  'an owner cannot ask whether a digest starts with something'
);
select throws_ok(
  $$select a::text from public.agents as a$$, '42501', null, 'an owner cannot read the row as a whole'
);
select throws_ok(
  $$insert into public.agents (name, owner_id) values ('x', 'a0000000-0000-4000-8000-000000000001')$$,
  '42501', null, 'an owner cannot insert an agent'
);
select throws_ok($$update public.agents set name = 'x'$$, '42501', null, 'an owner cannot change an agent');
select throws_ok('delete from public.agents', '42501', null, 'an owner cannot delete an agent');
select throws_ok('truncate public.agents cascade', '42501', null, 'an owner cannot empty the table');
select throws_ok($$update public.fleet set name = 'x'$$, '55000', null, 'an owner cannot write through the fleet');
select throws_ok(
  $$insert into public.agent_events (agent_id, kind, actor)
    values ('a1000000-0000-4000-8000-000000000001', 'revoked', 'agent')$$,
  '42501', null, 'an owner cannot add an event'
);
select throws_ok($$update public.agent_events set actor = 'agent'$$, '42501', null, 'an owner cannot change an event');
select throws_ok('delete from public.agent_events', '42501', null, 'an owner cannot delete an event');
select throws_ok(
  $$select public.revoke_agent('a1000000-0000-4000-8000-000000000001', null, '{}')$$,
  '42501', null, 'an owner cannot call what the service calls'
);

reset role;
delete from auth.users where id = 'a0000000-0000-4000-8000-000000000001';
select results_eq(
  'select name::text from public.agents order by name', $$values ('nobody''s'), ('theirs')$$,
  'a user who is deleted takes their agents along, and no others'
);
select results_eq(
  'select count(*) from public.agent_events', 'values (2::bigint)',
  'and their events'
);

select finish();
rollback;
