-- Two hosts with one identity: when a copy is seen, what an operator may do about it, and when it is forgotten.
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

create function pg_temp.id(agent text) returns uuid language sql as $$
  select id from public.agents where name = agent
$$;
-- Instances are called by a letter here.
create function pg_temp.instance(letter text) returns uuid language sql as $$
  select (to_hex(ascii(letter)) || '000000-0000-4000-8000-000000000000')::uuid
$$;
create function pg_temp.shakes(agent text, letter text, supports jsonb default '["rotate", "adopt"]')
  returns jsonb language sql as $$
  select pg_temp.open_session(
    pg_temp.id(agent), 'sha256:' || repeat('1', 64), pg_temp.instance(letter),
    jsonb_build_object('hostname', 'host-' || lower(letter), 'supports', supports), '192.0.2.1'
  )
$$;
create function pg_temp.enrol(agent text, letters text default 'ABC') returns void language sql as $$
  insert into public.agents (name, owner_id, labels, agent_secret) values (
    agent, 'a0000000-0000-4000-8000-000000000001', '{"zone": "a"}', 'sha256:' || repeat('1', 64)
  );
  select pg_temp.shakes(agent, letter) from regexp_split_to_table(letters, '') as letter;
$$;
-- Beats in a list of their own each: A1 is instance A with seq 1, A1! says that it stops, A has no seq, 1 no instance.
create function pg_temp.beat(agent text, said text) returns jsonb language sql as $$
  select jsonb_build_object(
    'agent_id', pg_temp.id(agent), 'epoch', 1,
    'status', case when said like '%!' then 'stopping' else 'healthy' end, 'metrics', '{}'::jsonb,
    'instance_id', pg_temp.instance(substring(said, '^[A-Z]')), 'seq', substring(said, '\d+')
  )
$$;
create function pg_temp.beats(agent text, said text) returns jsonb language plpgsql as $$
declare
  one text;
  verdicts jsonb := '[]';
begin
  foreach one in array string_to_array(said, ' ') loop
    verdicts := verdicts || pg_temp.record_heartbeats(jsonb_build_array(pg_temp.beat(agent, one)));
  end loop;
  return verdicts;
end
$$;
-- The copies of an agent, each by its letter.
create function pg_temp.copies(agent text) returns text language sql as $$
  select coalesce(string_agg(chr(get_byte(decode(left(c.value ->> 'instance_id', 2), 'hex'), 0)), '' order by c.place), '')
  from jsonb_array_elements(public.get_agent(pg_temp.id(agent), null) -> 'copies') with ordinality as c (value, place)
$$;
-- Lets time pass for one agent, whose beats all came so much earlier.
create function pg_temp.later(agent text, passed interval) returns void language sql as $$
  update public.agent_beats set last_seen_at = last_seen_at - passed where agent_id = pg_temp.id(agent);
  update public.agent_turns set at = at - passed where agent_id = pg_temp.id(agent);
  update public.agent_instances set last_seen_at = last_seen_at - passed, adopted_at = adopted_at - passed
    where agent_id = pg_temp.id(agent);
$$;
create function pg_temp.after(agent text, said text) returns text language plpgsql as $$
begin
  perform pg_temp.enrol(agent);
  perform pg_temp.beats(agent, said);
  return pg_temp.copies(agent);
end
$$;

-- The rule. Each is told as it comes; the copy is seen with the last beat and not before.
select is(pg_temp.after(said, said), copies, format('%s: %s', said, why))
from (values
  ('A1 B1 A2 B2 A3', 'B', 'two hosts that beat in turn'),
  ('A1 B1 A2 B2', '', 'a restart whose old process is heard late'),
  ('A1 A2 B1 B2 B3', '', 'a restart'),
  ('A1 B1 C1 C2', '', 'two restarts'),
  ('A1 B1 A2', '', 'a restart whose old process was heard late once'),
  ('A1 A2! B1 B2 A3 B3', '', 'a move to another host that was taken back once'),
  ('B1 A2 B2 B3 B4', '', 'a delayed last beat'),
  ('A1 B1 A2 B2 A2', '', 'a beat that was sent twice is not another one'),
  ('A1 B1 A2 B1 A3', '', 'nor is one of the copy'),
  ('A2 B2 A3 B1 A4', '', 'a seq that goes back'),
  ('A1 B1 A2 B2! A3', '', 'a copy that says that it stops'),
  ('A1 B1 A2 B2 A3!', '', 'an original that stops'),
  ('A B A B A', '', 'no seq, of which nothing is known'),
  ('A1 1 A2 1 A3', '', 'beats without an instance'),
  ('A1 A2 A3 B1 B2 A4 A5 B3 B4 A6', 'B', 'several beats in a turn'),
  ('A1 B1 C1 A2 B2 C2 A3', 'BC', 'two copies'),
  ('A1 B1 A2 C1 A3 C2 A4', 'C', 'a copy, and a restart before it'),
  ('A1 B1 A2 C1 B2 A3', 'B', 'a third instance between'),
  ('B1 A1 B2', '', 'the one that was there first has not beaten after it'),
  ('B1 A1 B2 A2', 'B', 'the one that shook hands first is the original, whichever beats first')
) as told (said, copies, why);
-- All within four intervals: 240 s
select pg_temp.enrol(name) from unnest(array['within', 'beyond']) as name;
select pg_temp.beats(name, 'A1 B1 A2 B2') from unnest(array['within', 'beyond']) as name;
select pg_temp.later('within', interval '240 seconds');
select pg_temp.later('beyond', interval '240.000001 seconds');
select pg_temp.beats(name, 'A3') from unnest(array['within', 'beyond']) as name;
select is(
  pg_temp.copies('within') || '-' || pg_temp.copies('beyond'), 'B-', 'four intervals are enough, and no more'
);
select pg_temp.beats('beyond', 'B3 A4 B4 A5');
select is(pg_temp.copies('beyond'), 'B', 'it is seen when it is within them');

-- What is told of it
select results_eq(
  $$select kind, actor, detail from public.agent_events where agent_id = pg_temp.id('within') and kind = 'copy_seen'$$,
  $$values ('copy_seen', 'server', jsonb_build_object(
    'instance_id', pg_temp.instance('B'), 'hostname', 'host-b', 'address', '192.0.2.1'
  ))$$, 'a copy is an event'
);
select is(
  (public.get_agent(pg_temp.id('within'), null) #> '{copies,0}') - 'last_seen_at',
  jsonb_build_object('instance_id', pg_temp.instance('B'), 'hostname', 'host-b', 'address', '192.0.2.1'),
  'and stands in the Agent with the hostname and address of its handshake'
);
select pg_temp.beats('within', 'B3 A4 B4 A5 B5 A6');
select results_eq(
  $$select count(*) from public.agent_events where agent_id = pg_temp.id('within') and kind = 'copy_seen'$$,
  'values (1::bigint)', 'it is an event once'
);
select ok(
  (public.get_agent(pg_temp.id('within'), null) #>> '{copies,0,last_seen_at}')::timestamptz > now() - interval '1 second',
  'its last beat is told, also when another one has beaten after it'
);
select pg_temp.shakes('within', 'D');
select pg_temp.beats('within', 'D1 B6 D2 B7 D3 B8 D4');
select is(pg_temp.copies('within'), 'B', 'an original that starts anew beside its copy does not become one');

-- Nothing more for an agent with one instance
select pg_temp.enrol('alone', 'A');
select pg_temp.beats('alone', 'A1 A2 A3 A4');
select is_empty(
  $$select 1 from public.agent_turns where agent_id = pg_temp.id('alone')$$, 'one instance takes no turns'
);

-- At most eight
select pg_temp.enrol('many', 'ABCDEFGHIJKL');
select cmp_ok(
  (select count(*) from public.agent_instances where agent_id = pg_temp.id('many')), '<=', 8::bigint,
  'at most eight instances are kept'
);
select pg_temp.beats('many', (
  select string_agg(letter || round, ' ' order by round, letter)
  from regexp_split_to_table('ABCDEFGHIJKL', '') as letter, generate_series(1, 9) as round
));
select cmp_ok(
  (select count(*) from public.agent_instances where agent_id = pg_temp.id('many')), '<=', 8::bigint,
  'also when they all beat'
);
select cmp_ok(
  (select count(*) from public.agent_turns where agent_id = pg_temp.id('many')), '<=', 33::bigint,
  'and few of their turns'
);
select cmp_ok(
  (select cardinality(copies) from public.agent_beats where agent_id = pg_temp.id('many')), '<=', 8, 'and at most eight are copies'
);

-- Adopting
select pg_temp.enrol('adopting');
select pg_temp.beats('adopting', 'A1 B1 A2 B2 A3');
create temporary table before as select a::text as row from public.agents as a;
grant select on before to service_role;
create function pg_temp.adopt(agent text, letter text, owner_limit integer default 1000) returns jsonb language sql as $$
  select public.adopt_copy(
    pg_temp.id(agent), 'a0000000-0000-4000-8000-000000000001', pg_temp.instance(letter), owner_limit,
    '{"actor": "key:default", "address": "192.0.2.9"}'
  )
$$;
set local role service_role;
select is(
  public.adopt_copy(id, owner, pg_temp.instance('B'), null, '{"actor": "key:default"}'), null,
  format('adopt_copy does not find %s', what)
) from (values
  (pg_temp.id('adopting'), 'b0000000-0000-4000-8000-000000000002'::uuid, 'somebody else''s agent'),
  ('f0000000-0000-4000-8000-00000000000f', null, 'an unknown id')
) as missing (id, owner, what);
select is(pg_temp.adopt('adopting', letter), '{"refused": "unknown_copy"}', format('nor %s', what))
from (values ('A', 'the original'), ('C', 'an instance that is no copy'), ('F', 'one that nobody knows')) as t (letter, what);
select is(
  pg_temp.adopt('adopting', 'B', (select count(*)::integer from public.agents)), '{"refused": "owner_limit"}',
  'an owner''s limit holds'
);
select pg_temp.shakes('within', 'B', '["rotate"]');
select is(
  pg_temp.adopt('within', 'B'), '{"refused": "unsupported"}', 'a client that cannot take an identity is not given one'
);
select set_eq(
  $$select a::text as row from public.agents as a where name <> 'within'$$,
  $$select row from before where row not like '%,within,%'$$, 'and nothing has changed'
);
select is(pg_temp.adopt('adopting', 'B') #>> '{agent,name}', 'adopting', 'a copy is adopted: its original is returned');
select results_eq(
  $$select name::text, owner_id::text, labels::jsonb, heartbeat_interval_seconds::integer, agent_secret::text, adopted_from
    from public.agents
    where name like 'adopting (%'$$,
  $$values ('adopting (copy on host-b)', 'a0000000-0000-4000-8000-000000000001', '{"zone": "a"}'::jsonb, 60,
    null, pg_temp.id('adopting'))$$,
  'one agent is made for it, without a secret yet'
);
select ok(pg_temp.adopt('adopting', 'B') is not null, 'adopting twice');
select results_eq(
  $$select count(*) from public.agents where name like 'adopting (%'$$, 'values (1::bigint)', 'makes no second one'
);
select is(
  pg_temp.beats('adopting', 'A4 B3 C1'),
  '[60, {"heartbeat_interval_seconds": 60, "directives": ["handshake"]},
    60]',
  'the copy''s beats ask for a handshake, and no other''s'
);
select is(pg_temp.shakes('adopting', 'A') ->> 'adopting', 'false', 'the original''s handshake is as ever');
select is(pg_temp.shakes('adopting', 'B') ->> 'adopting', 'true', 'the copy''s brings an identity');
select is(
  public.identify_copy(pg_temp.id('adopting'), pg_temp.instance('B'), 'sha256:' || repeat(secret, 64)),
  pg_temp.id('adopting (copy on host-b)'), format('which has a fresh secret each time (%s)', secret)
) from unnest(array['7', '8']) as secret;
select is(
  pg_temp.open_session(pg_temp.id('adopting (copy on host-b)'), 'sha256:' || repeat('7', 64), null, '{}', null), null,
  'the one of before is good no longer'
);
select is(
  public.identify_copy(pg_temp.id('adopting'), pg_temp.instance('A'), 'sha256:' || repeat('9', 64)), null,
  'an instance that was not adopted gets none'
);
select is(
  pg_temp.open_session(
    pg_temp.id('adopting (copy on host-b)'), 'sha256:' || repeat('8', 64), pg_temp.instance('B'), '{}', null
  ) ->> 'adopted',
  'true', 'the first handshake of the new agent says that it was a copy'
);
select is(
  public.identify_copy(pg_temp.id('adopting'), pg_temp.instance('B'), 'sha256:' || repeat('9', 64)), null,
  'after that there is no other secret for it'
);
select lives_ok(
  $$select public.confirm_adoption(pg_temp.id('adopting (copy on host-b)'))$$, 'the original is told'
);
select is(
  pg_temp.open_session(
    pg_temp.id('adopting (copy on host-b)'), 'sha256:' || repeat('8', 64), pg_temp.instance('B'), '{}', null
  ) ->> 'adopted',
  'false', 'once'
);
select is(pg_temp.copies('adopting'), '', 'and has this copy no more');
select is(
  pg_temp.beats('adopting', 'A5'), '[{"heartbeat_interval_seconds": 60, "directives": ["rotate"]}]',
  'it is asked to rotate, since both hosts knew its secret'
);
select results_eq(
  $$select kind, actor, address from public.agent_events
    where agent_id = pg_temp.id('adopting') and kind not in ('first_handshake', 'copy_seen') order by id$$,
  $$values ('adopted', 'key:default', '192.0.2.9'), ('rotation_requested', 'server', null)$$, 'with an event each'
);
select is(
  public.name_of_copy(repeat('x', 95), 'h'), repeat('x', 95) || ' (cop', 'a name is cut to 100 characters'
);
select is(public.name_of_copy('a', null), 'a (copy)', 'a copy without a hostname has a name as well');
select is(
  public.name_of_copy('a', U&'h\202eo\2028st'), 'a (copy on host)',
  'nothing in it turns the direction of writing or ends the line'
);

-- An adoption that nobody comes for
reset role;
select pg_temp.enrol('late');
select pg_temp.beats('late', 'A1 B1 A2 B2 A3');
set local role service_role;
select ok(pg_temp.adopt('late', 'B') is not null, 'a copy is adopted that does not come within the day');
select is(
  public.identify_copy(pg_temp.id('late'), pg_temp.instance('B'), 'sha256:' || repeat('8', 64)),
  pg_temp.id('late (copy on host-b)'), 'beyond asking for its identity'
);
reset role;
update public.agents set created_at = now() - interval '1 day' where name like 'late (%';
select pg_temp.later('late', interval '23 hours');
update public.agent_instances set adopted_at = now() - interval '1 day' where adopted_as = pg_temp.id('late (copy on host-b)');
set local role service_role;
select is(
  public.identify_copy(pg_temp.id('late'), pg_temp.instance('B'), 'sha256:' || repeat('9', 64)), null,
  'it gets no identity after it'
);
select is(
  pg_temp.beats('late', 'B3'), '[60]', 'and is not asked any more'
);
select is(
  pg_temp.open_session(pg_temp.id('late (copy on host-b)'), 'sha256:' || repeat('8', 64), null, '{}', null), null,
  'the one that it got before is good no longer, also where upkeep has not come by'
);
select is(
  public.rotate_own_secret(
    pg_temp.id('late (copy on host-b)'), 'sha256:' || repeat('8', 64), null, 'sha256:' || repeat('9', 64), null
  ), null, 'nor does it yield another secret'
);
select public.record_refusals(jsonb_build_array(jsonb_build_object(
  'agent_id', pg_temp.id('late (copy on host-b)'), 'secret_digest', 'sha256:' || repeat('8', 64), 'count', 2
)));
select is(
  public.get_agent(pg_temp.id('late (copy on host-b)'), null) ->> 'last_refusal', 'expired_secret',
  'and the owner sees why'
);
select lives_ok('select public.forget_copies()', 'upkeep comes by');
select is(pg_temp.id('late (copy on host-b)'), null, 'and removes the agent that was made for it');
select results_eq(
  $$select kind, actor from public.agent_events where agent_name = 'late (copy on host-b)' order by id$$,
  $$values ('created', 'key:default'), ('deleted', 'server')$$, 'with its event'
);
select is(pg_temp.copies('late'), 'B', 'the copy is one as before');
select ok(pg_temp.adopt('late', 'B') is not null, 'and may be adopted again');
select is(
  pg_temp.beats('late', 'B4'), '[{"heartbeat_interval_seconds": 60, "directives": ["handshake"]}]', 'which asks it anew'
);

-- Revoking a copy
reset role;
select pg_temp.enrol('robbed');
select pg_temp.beats('robbed', 'A1 B1 A2 B2 A3');
create function pg_temp.revoke(agent text, letter text) returns jsonb language sql as $$
  select public.revoke_copy(
    pg_temp.id(agent), 'a0000000-0000-4000-8000-000000000001', pg_temp.instance(letter),
    '{"actor": "key:default", "address": "192.0.2.9"}'
  )
$$;
set local role service_role;
select is(
  public.revoke_copy(id, owner, pg_temp.instance('B'), '{"actor": "key:default"}'), null,
  format('revoke_copy does not find %s', what)
) from (values
  (pg_temp.id('robbed'), 'b0000000-0000-4000-8000-000000000002'::uuid, 'somebody else''s agent'),
  ('f0000000-0000-4000-8000-00000000000f', null, 'an unknown id')
) as missing (id, owner, what);
select is(pg_temp.revoke('robbed', letter), '{"refused": "unknown_copy"}', format('nor %s', what))
from (values ('A', 'the original'), ('C', 'an instance that is no copy')) as t (letter, what);
select ok(pg_temp.adopt('robbed', 'B') is not null, 'a copy that was adopted by mistake');
select is(
  public.identify_copy(pg_temp.id('robbed'), pg_temp.instance('B'), 'sha256:' || repeat('9', 64)),
  pg_temp.id('robbed (copy on host-b)'), 'and has got its identity'
);
select is(pg_temp.revoke('robbed', 'B') #>> '{agent,rotation}', 'requested', 'a copy is revoked: the other one is asked to rotate');
select is(pg_temp.id('robbed (copy on host-b)'), null, 'the identity that it has not used is gone');
select is(
  pg_temp.beats('robbed', 'A4 B3 A5'),
  '[{"heartbeat_interval_seconds": 60, "directives": ["rotate"]}, null,
    {"heartbeat_interval_seconds": 60, "directives": ["rotate"]}]',
  'its beats are refused, and the original goes on'
);
select is(pg_temp.shakes('robbed', 'B'), null, 'its handshakes are refused');
select is(
  public.rotate_own_secret(
    pg_temp.id('robbed'), 'sha256:' || repeat('1', 64), pg_temp.instance('B'), 'sha256:' || repeat('5', 64), null
  ), null, 'and its rotations'
);
select isnt(pg_temp.shakes('robbed', 'A'), null, 'the original''s are not');
select is(pg_temp.copies('robbed'), '', 'it is no copy any more');
select is(pg_temp.revoke('robbed', 'B') #>> '{agent,name}', 'robbed', 'the second time is fine');
select results_eq(
  $$select kind, actor, address from public.agent_events
    where agent_id = pg_temp.id('robbed') and kind not in ('first_handshake', 'copy_seen') order by id$$,
  $$values ('adopted', 'key:default', '192.0.2.9'), ('copy_revoked', 'key:default', '192.0.2.9')$$,
  'and no other event'
);
select is(
  public.adopt_copy(pg_temp.id('robbed'), null, pg_temp.instance('B'), null, '{"actor": "key:default"}'),
  '{"refused": "unknown_copy"}', 'what was revoked is not adopted'
);

-- A request to rotate goes to the original
reset role;
select pg_temp.enrol('both');
select pg_temp.beats('both', 'A1 B1 A2 B2 A3');
set local role service_role;
select ok(public.request_rotation(pg_temp.id('both'), null, '{"actor": "key:default"}') is not null, 'a rotation is asked for');
select is(
  pg_temp.beats('both', 'A4 B3'),
  '[{"heartbeat_interval_seconds": 60, "directives": ["rotate"]}, 60]',
  'of the original, not of its copy, which would lock it out'
);

-- A day later
reset role;
select pg_temp.later('both', interval '1 day');
select is(pg_temp.copies('both'), '', 'a copy goes a day after its last beat');
select pg_temp.later('both', interval '-1 second');
select is(pg_temp.copies('both'), 'B', 'and not before');
set local role service_role;
select public.forget_copies();
select is(pg_temp.copies('both'), 'B', 'upkeep leaves it until then');
reset role;
select pg_temp.later('both', interval '1 second');
set local role service_role;
select public.forget_copies();
select results_eq(
  $$select copies::uuid[] from public.agent_beats where agent_id = pg_temp.id('both')$$, $$values ('{}'::uuid[])$$, 'and takes it then'
);

-- With the agent
select lives_ok($$delete from public.agents where name = 'robbed'$$, 'an agent that had copies is deleted');

select finish();
rollback;
