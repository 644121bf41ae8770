-- The stranger: a signed-in user who owns agents, but not these.
begin;
select no_plan();

insert into auth.users (id) values
  ('a0000000-0000-4000-8000-000000000001'), ('b0000000-0000-4000-8000-000000000002');
insert into public.agents (id, owner_id, name) values
  ('a1000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'not theirs'),
  ('b1000000-0000-4000-8000-000000000002', 'b0000000-0000-4000-8000-000000000002', 'theirs'),
  ('c1000000-0000-4000-8000-000000000003', null, 'nobody''s');
insert into public.agent_events (agent_id, owner_id, kind, actor)
  select id, owner_id, 'created', 'key:default' from public.agents;

set local role authenticated;
set local request.jwt.claims = '{"sub": "b0000000-0000-4000-8000-000000000002", "role": "authenticated"}';

select is_empty(
  $$select id from public.agents where id = 'a1000000-0000-4000-8000-000000000001'$$,
  'a stranger cannot read an agent by its id'
);
select is_empty(
  $$select id from public.agents where owner_id is null$$, 'a stranger cannot read an agent that nobody owns'
);
select is_empty(
  $$select agent_id from public.agent_beats where agent_id <> 'b1000000-0000-4000-8000-000000000002'$$,
  'a stranger cannot read what another agent''s beats said'
);
select is_empty(
  $$select id from public.agent_events where agent_id <> 'b1000000-0000-4000-8000-000000000002'$$,
  'a stranger cannot read another agent''s events'
);
select results_eq(
  'select name::text from public.fleet', $$values ('theirs')$$, 'a stranger sees only their own agents in the fleet'
);
select results_eq(
  'select count(*), sum(heartbeats_count) from public.fleet', 'values (1::bigint, 0::numeric)',
  'a stranger cannot count what they cannot read'
);
select is_empty(
  $$select agents.id from public.agents join public.agent_events on agent_id = agents.id
    where agents.owner_id <> 'b0000000-0000-4000-8000-000000000002'$$,
  'a stranger finds nothing by a join'
);
select throws_ok(
  $$select public.get_agent('a1000000-0000-4000-8000-000000000001', null)$$, '42501', null,
  'a stranger cannot ask the service''s function for an agent'
);
select throws_ok(
  $$update public.agents set owner_id = 'b0000000-0000-4000-8000-000000000002'$$, '42501', null,
  'a stranger cannot make an agent theirs'
);
select throws_ok(
  $$delete from public.agents where id = 'a1000000-0000-4000-8000-000000000001'$$, '42501', null,
  'a stranger cannot delete an agent'
);

select finish();
rollback;
