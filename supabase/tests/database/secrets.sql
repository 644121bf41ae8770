-- Which secret opens a session, what ends one, and what its refusal leaves on the row.
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

insert into auth.users (id) values ('a0000000-0000-4000-8000-000000000001');

-- An agent with the secret "1", to the rules' liking. Secrets are called by a digit here.
create function pg_temp.digest(secret text) returns text language sql as $$
  select 'sha256:' || repeat(secret, 64)
$$;
create function pg_temp.enrol(name text) returns uuid language sql as $$
  insert into public.agents (name, owner_id, agent_secret, secret_created_at, supports) values (
    name, 'a0000000-0000-4000-8000-000000000001', pg_temp.digest('1'), now() - interval '1 hour', '{rotate}'
  ) returning id
$$;
create function pg_temp.id(agent text) returns uuid language sql as $$
  select id from public.agents where name = agent
$$;
create function pg_temp.opens(agent text, secret text) returns boolean language sql as $$
  select pg_temp.open_session(
    pg_temp.id(agent), pg_temp.digest(secret), null, '{"supports": ["rotate"]}', '192.0.2.1'
  ) is not null
$$;
create function pg_temp.rotate(agent text, secret text, overlap integer) returns jsonb language sql as $$
  select public.rotate_secret(
    pg_temp.id(agent), 'a0000000-0000-4000-8000-000000000001', pg_temp.digest(secret), overlap,
    '{"actor": "key:default", "address": "192.0.2.9"}'
  )
$$;
create function pg_temp.rotates_own(agent text, used text, made text) returns boolean language sql as $$
  select coalesce(public.rotate_own_secret(
    pg_temp.id(agent), pg_temp.digest(used), null, pg_temp.digest(made), '192.0.2.1'
  ), false)
$$;
-- The secrets of those that open a session, each tried on its own: what a try writes is taken back.
create function pg_temp.good(agent text) returns text language plpgsql as $$
declare
  good text := '';
  secret text;
begin
  foreach secret in array array['1', '2', '3', '4'] loop
    begin
      if pg_temp.opens(agent, secret) then
        good := good || secret;
      end if;
      raise exception using errcode = 'TAKEN';
    exception when sqlstate 'TAKEN' then null;
    end;
  end loop;
  return good;
end
$$;
create function pg_temp.shown(agent text) returns text language sql as $$
  select concat_ws(' ', a ->> 'rotation', coalesce(a ->> 'last_secret', '-'), coalesce(
    round(extract(epoch from (a ->> 'previous_secret_expires_at')::timestamptz - now()))::text, '-'
  )) from public.get_agent(pg_temp.id(agent), null) as a
$$;
create function pg_temp.refused(agent text, secret text, instance text default null) returns text language sql as $$
  select public.record_refusals(jsonb_build_array(jsonb_build_object(
    'agent_id', pg_temp.id(agent), 'secret_digest', pg_temp.digest(secret), 'instance_id', instance, 'count', 1
  )));
  select last_refusal from public.agents where name = agent
$$;
select pg_temp.enrol(name) from unnest(array['operated', 'leaked', 'own', 'request', 'refusals']) as name;

-- An operator's rotation with an overlap
set local role service_role;
select is(pg_temp.opens('operated', '1'), true, 'the secret opens a session');
select is(pg_temp.rotate('operated', '2', 3600) ->> 'name', 'operated', 'rotate_secret returns the Agent');
select is(pg_temp.good('operated'), '12', 'the new secret is good at once, and the one before it for the overlap');
select is(
  pg_temp.shown('operated'), 'none previous 3600',
  'the Agent tells when it ends, and that the last session was opened by it'
);
select is(
  (pg_temp.open_session(pg_temp.id('operated'), pg_temp.digest('1'), null, '{}', null) ->> 'secret_age_seconds')::integer,
  3600, 'a handshake is told the age of the secret that it used: of the one before'
);
select is(
  (pg_temp.open_session(pg_temp.id('operated'), pg_temp.digest('2'), null, '{}', null) ->> 'secret_age_seconds')::integer,
  0, 'or of the new one'
);
select is(pg_temp.shown('operated'), 'unsupported current 3600', 'which then opened the last session');
select ok(pg_temp.rotate('operated', '3', 60) is not null, 'a second rotation within the overlap');
select is(pg_temp.good('operated'), '23', 'at most two are good at a time');
select results_eq(
  $$select session_epoch::integer, revoked_at from public.agents join public.agent_beats on agent_id = id where name = 'operated'$$,
  $$values (1, null::timestamptz)$$, 'and no session has ended'
);
reset role;
update public.agents set previous_secret_expires_at = now() where name = 'operated';
set local role service_role;
select is(pg_temp.good('operated'), '3', 'the overlap ends at its time, not after it');
reset role;
update public.agents set previous_secret_expires_at = now() + interval '1 microsecond' where name = 'operated';
set local role service_role;
select is(pg_temp.good('operated'), '23', 'and not before');
select results_eq(
  $$select kind, actor, address, detail from public.agent_events where kind = 'secret_rotated' order by id$$,
  $$values ('secret_rotated', 'key:default', '192.0.2.9', '{"overlap_seconds": 3600}'::jsonb),
    ('secret_rotated', 'key:default', '192.0.2.9', '{"overlap_seconds": 60}')$$,
  'each rotation is an event'
);
select is(
  public.rotate_secret(id, owner, pg_temp.digest('4'), 0, '{"actor": "key:default"}'), null,
  format('rotate_secret does not find %s', what)
) from (values
  (pg_temp.id('operated'), 'b0000000-0000-4000-8000-000000000002'::uuid, 'somebody else''s agent'),
  ('f0000000-0000-4000-8000-00000000000f', null, 'an unknown id')
) as missing (id, owner, what);
select is(pg_temp.good('operated'), '23', 'and changes nothing');
select unalike(pg_temp.rotate('operated', '4', 60)::text, '%sha256%', 'no digest is shown');

-- Without an overlap
select ok(pg_temp.opens('leaked', '1'), 'a secret that will leak opens a session');
reset role;
update public.agent_beats set revoked_instances = array['e1000000-0000-4000-8000-00000000000e'::uuid]
  where agent_id = pg_temp.id('leaked');
set local role service_role;
select ok(pg_temp.rotate('leaked', '2', 0) is not null, 'a rotation without an overlap');
select is(pg_temp.good('leaked'), '2', 'ends the secret before at once');
select is(pg_temp.shown('leaked'), 'none previous -', 'of which no end is told');
select results_eq(
  $$select session_epoch::integer, previous_secret::text, previous_secret_expires_at, revoked_instances::uuid[]
    from public.agents join public.agent_beats on agent_id = id where name = 'leaked'$$,
  $$values (2, pg_temp.digest('1'), '-infinity'::timestamptz, '{}'::uuid[])$$,
  'all sessions end with it, whatever the clock says later, and no instance needs to be refused any more'
);

-- Without a secret, and revoked
reset role;
insert into public.agents (name, owner_id) values ('bare', 'a0000000-0000-4000-8000-000000000001');
set local role service_role;
select is(pg_temp.good('bare'), '', 'an agent without a secret opens no session');
select is(pg_temp.rotates_own('bare', '1', '2'), false, 'and does not rotate');
select ok(pg_temp.rotate('bare', '1', 3600) is not null, 'it may be given one');
select is(pg_temp.good('bare') || pg_temp.shown('bare'), '1none - -', 'which opens one, and there is none before it');
select ok(
  public.revoke_agent(pg_temp.id('bare'), null, '{"actor": "key:default"}') is not null, 'a revoked agent'
);
select is(pg_temp.rotate('bare', '2', 3600) ->> 'liveness', 'revoked', 'may be given a secret, and stays revoked');
select is(pg_temp.good('bare'), '', 'which opens no session');

-- The agent's own rotation
select is(pg_temp.rotates_own('own', secret, '4'), false, format('a wrong secret does not rotate (%s)', secret))
from unnest(array['2', '3']) as secret;
select ok(pg_temp.rotate('own', '2', 3600) is not null, 'an operator rotates, the agent is in the overlap');
select is(pg_temp.rotates_own('own', '1', '3'), false, 'a secret in its overlap does not rotate');
select is(pg_temp.good('own'), '12', 'and changes nothing');
select is(pg_temp.rotates_own('own', '2', '3'), true, 'the current one does');
select is(pg_temp.good('own'), '23', 'the new one is good beside it, and the overlap of the one before has ended');
select is(pg_temp.shown('own'), 'under_way - -', 'the Agent tells that a rotation is under way');
select is(pg_temp.rotates_own('own', '3', '4'), false, 'a secret that was never used does not rotate');
select is(pg_temp.rotates_own('own', '2', '4'), true, 'asked again, for the reply was lost');
select is(pg_temp.good('own'), '24', 'a fresh one is in the place of the unused one');
select ok(pg_temp.opens('own', '2'), 'the old one still opens a session');
select is(pg_temp.good('own'), '24', 'which ends nothing');
reset role;
update public.agents set pending_secret_created_at = now() - interval '5 minutes' where name = 'own';
update public.agent_beats set rotation_requested_at = now() where agent_id = pg_temp.id('own');
set local role service_role;
select is(
  pg_temp.open_session(pg_temp.id('own'), pg_temp.digest('4'), null, '{"supports": ["rotate"]}', null)
    - 'id' - 'name' - 'epoch' - 'heartbeat_interval_seconds',
  '{"secret_age_seconds": 300, "adopting": false, "adopted": false}',
  'the first handshake with the new one is told its age'
);
select is(pg_temp.good('own'), '4', 'and ends the old one');
select is(pg_temp.shown('own'), 'none current -', 'the rotation is done');
select results_eq(
  $$select agent_secret::text, secret_created_at, previous_secret::text, previous_secret_expires_at,
      pending_secret::text, pending_secret_created_at, rotation_requested_at, session_epoch::integer from public.agents join public.agent_beats on agent_id = id where name = 'own'$$,
  $$values (pg_temp.digest('4'), now() - interval '5 minutes', pg_temp.digest('2'), '-infinity'::timestamptz,
    null, null::timestamptz, null::timestamptz, 1)$$,
  'the one before is kept, to be told from a wrong one, and nobody''s request is left'
);
select results_eq(
  $$select kind, actor, address from public.agent_events
    where agent_id = pg_temp.id('own') and kind = 'secret_rotated' order by id$$,
  $$values ('secret_rotated', 'key:default', '192.0.2.9'), ('secret_rotated', 'agent', '192.0.2.1'),
    ('secret_rotated', 'agent', '192.0.2.1')$$,
  'each rotation is an event, with who and from where'
);
select is(pg_temp.rotates_own('own', '4', '1'), true, 'the agent rotates again');
select ok(pg_temp.rotate('own', '3', 3600) is not null, 'and an operator before its handshake');
select is(pg_temp.good('own'), '34', 'the unused one is dropped');
select ok(
  public.revoke_agent(pg_temp.id('own'), null, '{"actor": "key:default"}') is not null, 'the agent is revoked'
);
select is(pg_temp.rotates_own('own', '3', '1'), false, 'and does not rotate any more');

-- Who is refused locks and writes nothing
reset role;
create temporary table before as select a::text as row, a.ctid as place from public.agents as a;
grant select on before to service_role;
set local role service_role;
select is(
  pg_temp.rotates_own(agent, secret, '4'), false, format('rotate_own_secret refuses %s', what)
) from (values
  ('nobody', '1', 'an unknown id'), ('leaked', '1', 'an ended secret'), ('leaked', '3', 'a wrong secret'),
  ('bare', '2', 'a revoked agent')
) as refused (agent, secret, what);
select set_eq(
  'select a::text as row, a.ctid as place from public.agents as a', 'select row, place from before',
  'and writes no row, not even the same anew'
);

-- A request to rotate
select is(
  public.request_rotation(pg_temp.id('request'), 'a0000000-0000-4000-8000-000000000001', '{"actor": "key:default"}')
    #>> '{agent,rotation}',
  'requested', 'request_rotation returns the Agent, which tells of it'
);
select results_eq(
  $$select pg_temp.record_heartbeats(jsonb_build_array(jsonb_build_object(
      'agent_id', pg_temp.id('request'), 'epoch', 1, 'status', 'healthy', 'metrics', '{}'::jsonb
    )))$$,
  $$values ('[{"heartbeat_interval_seconds": 60, "directives": ["rotate"]}]'::jsonb)$$, 'its beats are asked'
);
select is(
  public.request_rotation(pg_temp.id('request'), null, '{"actor": "key:default"}') #>> '{agent,rotation}',
  'requested', 'the second time is fine'
);
select is(pg_temp.rotates_own('request', '1', '2'), true, 'the agent rotates');
select alike(
  pg_temp.record_heartbeats(jsonb_build_array(jsonb_build_object(
    'agent_id', pg_temp.id('request'), 'epoch', 1, 'status', 'healthy', 'metrics', '{}'::jsonb
  )))::text,
  '%rotate%', 'it is asked until it has used the new secret'
);
select ok(pg_temp.opens('request', '2'), 'which it does');
select is(
  pg_temp.record_heartbeats(jsonb_build_array(jsonb_build_object(
    'agent_id', pg_temp.id('request'), 'epoch', 1, 'status', 'healthy', 'metrics', '{}'::jsonb
  ))),
  '[60]', 'then no more'
);
select results_eq(
  $$select kind, actor from public.agent_events where agent_id = pg_temp.id('request') order by id$$,
  $$values ('rotation_requested', 'key:default'), ('secret_rotated', 'agent'), ('first_handshake', 'agent')$$,
  'the request is one event'
);
select is(
  public.request_rotation(pg_temp.id('operated'), null, '{"actor": "key:default"}'), '{"refused": "unsupported"}',
  'a client that does not rotate is not asked'
);
select ok(pg_temp.rotate('request', '5', 3600) is not null, 'an operator rotates');
select is(
  public.request_rotation(pg_temp.id('request'), null, '{"actor": "key:default"}'), '{"refused": "previous_secret"}',
  'an agent that has the secret of before is not asked: it would be refused'
);
select is(
  (select rotation_requested_at from public.agent_beats where agent_id = pg_temp.id('request')), null,
  'and nothing changed by that'
);
select is(
  public.request_rotation(id, owner, '{"actor": "key:default"}'), null, format('nor is %s', what)
) from (values
  (pg_temp.id('request'), 'b0000000-0000-4000-8000-000000000002'::uuid, 'somebody else''s agent'),
  ('f0000000-0000-4000-8000-00000000000f', null, 'an unknown id')
) as missing (id, owner, what);

-- Why it was refused
select is(pg_temp.refused('refusals', '3'), 'wrong_secret', 'a wrong secret is told');
select ok(pg_temp.rotate('refusals', '2', 3600) is not null, 'the secret is rotated');
select is(pg_temp.refused('refusals', '1'), 'expired_secret', 'one in its overlap that wanted to rotate is told');
select ok(pg_temp.rotate('refusals', '3', 0) is not null, 'and again, at once');
select is(pg_temp.refused('refusals', '2'), 'expired_secret', 'the one before is told from a wrong one');
select is(pg_temp.refused('refusals', '1'), 'wrong_secret', 'the one before that is not');
reset role;
update public.agent_beats set revoked_instances = array['e1000000-0000-4000-8000-00000000000e'::uuid]
  where agent_id = pg_temp.id('refusals');
set local role service_role;
select is(
  pg_temp.refused('refusals', '3', 'e1000000-0000-4000-8000-00000000000e'), 'revoked_copy',
  'a revoked copy with the current secret is told'
);
select is(
  pg_temp.refused('refusals', '2', 'e1000000-0000-4000-8000-00000000000e'), 'expired_secret',
  'and one with an old secret is told by that'
);
select is(pg_temp.refused('leaked', '4'), 'wrong_secret', 'another agent has refusals of its own');
select ok(
  public.revoke_agent(pg_temp.id('refusals'), null, '{"actor": "key:default"}') is not null, 'the agent is revoked'
);
select is(pg_temp.refused('refusals', secret), 'revoked', format('that is told, whatever the secret (%s)', secret))
from unnest(array['1', '3']) as secret;
select ok(
  public.restore_agent(pg_temp.id('refusals'), null, '{"actor": "key:default"}') is not null, 'the agent is restored'
);
select is(pg_temp.refused('refusals', '3'), 'revoked', 'so is one that was restored before it was written down');
reset role;
insert into public.agents (name) values ('without');
set local role service_role;
select is(pg_temp.refused('without', '1'), 'no_secret', 'an agent without a secret is told');
select results_eq(
  $$select name::text, refused_handshakes_count, last_refused_at from public.agents
    where refused_handshakes_count > 0 order by name$$,
  $$values ('leaked', 1::bigint, now()), ('refusals', 9, now()), ('without', 1, now())$$, 'and they are counted'
);
select lives_ok(
  $$select public.record_refusals((
    select jsonb_agg(jsonb_build_object(
      'agent_id', id, 'secret_digest', pg_temp.digest('9'), 'instance_id', null, 'count', 5
    )) from (
      select gen_random_uuid() as id from generate_series(1, 999) union all select pg_temp.id('leaked')
    ) as presented
  ))$$, 'a list of 1000 of which one is known'
);
select results_eq(
  $$select sum(refused_handshakes_count)::integer from public.agents$$, 'values (16)', 'counts on that one'
);
select lives_ok($$select public.record_refusals('[]')$$, 'an empty list is none');

select finish();
rollback;
