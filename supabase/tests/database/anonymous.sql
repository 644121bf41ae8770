-- The anonymous: nobody at all (anon), and users in whose name there is nothing.
begin;
select no_plan();

insert into auth.users (id) values
  ('a0000000-0000-4000-8000-000000000001'), ('d0000000-0000-4000-8000-000000000004');
insert into public.agents (id, owner_id, name) values
  ('a1000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'owned'),
  ('c1000000-0000-4000-8000-000000000003', null, 'nobody''s');
insert into public.agent_events (agent_id, owner_id, kind, actor)
  select id, owner_id, 'created', 'key:default' from public.agents;

set local role anon;
set local request.jwt.claims = '{"role": "anon"}';

select throws_ok('select id from public.agents', '42501', null, 'anon cannot read agents');
select throws_ok('select count(*) from public.agents', '42501', null, 'anon cannot count agents');
select throws_ok('select agent_id from public.agent_beats', '42501', null, 'anon cannot read what beats said');
select throws_ok('select id from public.agent_events', '42501', null, 'anon cannot read events');
select throws_ok('select id from public.fleet', '42501', null, 'anon cannot read the fleet');
select throws_ok($$insert into public.agents (name) values ('x')$$, '42501', null, 'anon cannot insert an agent');
select throws_ok($$update public.agents set name = 'x'$$, '42501', null, 'anon cannot change an agent');
select throws_ok('delete from public.agents', '42501', null, 'anon cannot delete an agent');
select throws_ok(
  $$select public.agent_liveness(null, null, null, null, null, null, null, 60, null, now())$$, '42501', null, 'anon cannot call agent_liveness'
);
select throws_ok(
  $$select public.open_sessions('[]')$$, '42501', null,
  'anon cannot open a session past the functions'
);
select throws_ok(
  $$select public.record_heartbeats('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')$$, '42501', null, 'anon cannot record a heartbeat past the functions'
);
select throws_ok(
  $$select public.record_ordinary_heartbeats('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')$$, '42501', null,
  'nor an ordinary one'
);

reset role;
set local role authenticated;
set local request.jwt.claims =
  '{"sub": "d0000000-0000-4000-8000-000000000004", "role": "authenticated", "is_anonymous": true}';
select is_empty('select id from public.agents', 'a user who owns nothing reads no agent');
select is_empty('select id from public.agent_events', 'a user who owns nothing reads no event');
select is_empty('select id from public.fleet', 'a user who owns nothing sees an empty fleet');

set local request.jwt.claims = '{"role": "authenticated"}';
select is_empty('select id from public.agents', 'a token that names no user reads no agent, not even nobody''s');
select is_empty('select id from public.fleet', 'and sees an empty fleet');

set local request.jwt.claims = '';
select is_empty('select id from public.agents', 'no token at all reads no agent, not even nobody''s');
select is_empty('select id from public.agent_events', 'and no event');

select finish();
rollback;
