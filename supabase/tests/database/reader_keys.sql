-- Readers' keys: who may do what with them, and their functions.
begin;
select no_plan();

insert into auth.users (id) values
  ('a0000000-0000-4000-8000-000000000001'), ('b0000000-0000-4000-8000-000000000002');
set local role service_role;

create temporary table made as select public.create_reader_key(
  'a dashboard', 'a0000000-0000-4000-8000-000000000001', 2, 'sha256:' || repeat('a', 64),
  '{"actor": "user:a0000000-0000-4000-8000-000000000001", "address": "192.0.2.1"}'
) as reply;
select results_eq(
  $$select key, reply #>> array['reader_key', key] from made, jsonb_object_keys(reply -> 'reader_key') as key
    where key not in ('id', 'created_at') order by key$$,
  $$values ('name', 'a dashboard'), ('owner_id', 'a0000000-0000-4000-8000-000000000001')$$,
  'create_reader_key returns the key''s row, without its digest'
);
select results_eq(
  'select agent_id, owner_id::text, agent_name, kind, actor, address, detail from public.agent_events',
  $$select null::uuid, 'a0000000-0000-4000-8000-000000000001', null::text, 'reader_key_created',
      'user:a0000000-0000-4000-8000-000000000001', '192.0.2.1',
      jsonb_build_object('id', reply #>> '{reader_key,id}', 'name', 'a dashboard') from made$$,
  'and adds the event of its maker'
);
select ok(
  public.create_reader_key(
    'second', 'a0000000-0000-4000-8000-000000000001', 2, 'sha256:' || repeat('b', 64), '{"actor": "key:default"}'
  ) ? 'reader_key',
  'the owner''s last key within the limit is made'
);
select is(
  public.create_reader_key(
    'third', 'a0000000-0000-4000-8000-000000000001', 2, 'sha256:' || repeat('c', 64), '{"actor": "key:default"}'
  ),
  '{"refused": "owner_limit"}', 'one more than owner_limit is refused'
);
select is(
  public.create_reader_key(
    'nobody''s', 'f0000000-0000-4000-8000-00000000000f', 2, 'sha256:' || repeat('c', 64), '{"actor": "key:default"}'
  ),
  '{"refused": "owner_unknown"}', 'an owner who is nobody is refused'
);
select results_eq('select count(*) from public.reader_keys', 'values (2::bigint)', 'and neither makes a key');
select results_eq('select count(*) from public.agent_events', 'values (2::bigint)', 'and no event');
select ok(
  public.create_reader_key('a key''s', null, null, 'sha256:' || repeat('d', 64), '{"actor": "key:default"}')
    ? 'reader_key',
  'a secret API key makes one that nobody owns'
);
select throws_ok(
  $$select public.create_reader_key('twin', null, null, 'sha256:' || repeat('d', 64), '{"actor": "key:default"}')$$,
  '23505', null, 'no two keys have one digest'
);

-- Finding
select is(
  public.find_reader_key('sha256:' || repeat('a', 64)) ->> 'owner_id', 'a0000000-0000-4000-8000-000000000001',
  'find_reader_key finds a key by its digest'
);
select is(public.find_reader_key(digest), null, format('and nothing by %L', digest))
from unnest(array['sha256:' || repeat('e', 64), '', '%', null]) as digest;
select volatility_is('public', 'find_reader_key', array['text'], 'stable', 'it cannot write');

-- Listing. All were made in one moment: the id decides.
create temporary table page as
  select public.list_reader_keys('a0000000-0000-4000-8000-000000000001', 1, null) as first;
select is(jsonb_array_length(first -> 'rows'), 1, 'a page has as many rows as were asked for') from page;
select results_eq(
  $$select first -> 'rows' || (public.list_reader_keys('a0000000-0000-4000-8000-000000000001', 1, first -> 'next') -> 'rows')
    from page$$,
  $$select jsonb_agg(public.reader_key_json(k) order by id desc) from public.reader_keys as k
    where owner_id = 'a0000000-0000-4000-8000-000000000001'$$,
  'its next has the others, and no other owner''s'
);
select is(
  public.list_reader_keys('a0000000-0000-4000-8000-000000000001', 1, first -> 'next') ->> 'next', null,
  'and is the last'
) from page;
select is(jsonb_array_length(public.list_reader_keys(null, 200, null) -> 'rows'), 3, 'a secret API key sees all');
select is(
  public.list_reader_keys('b0000000-0000-4000-8000-000000000002', 200, null), '{"rows": [], "next": null}',
  'an owner of none sees none'
);

-- Revoking
create temporary table target as select id from public.reader_keys where name = 'a dashboard';
select is(
  public.revoke_reader_key(id, 'b0000000-0000-4000-8000-000000000002', '{"actor": "key:default"}'), null,
  'another owner''s key is not found'
) from target;
select results_eq('select count(*) from public.reader_keys', 'values (3::bigint)', 'and stays');
select is(
  public.revoke_reader_key(id, 'a0000000-0000-4000-8000-000000000001', '{"actor": "key:default"}') ->> 'name',
  'a dashboard', 'an owner revokes their own'
) from target;
select is(public.find_reader_key('sha256:' || repeat('a', 64)), null, 'which is then found no more');
select results_eq(
  $$select actor, owner_id::text, detail ->> 'name' from public.agent_events where kind = 'reader_key_revoked'$$,
  $$values ('key:default', 'a0000000-0000-4000-8000-000000000001', 'a dashboard')$$, 'and the event is the owner''s'
);
select is(public.revoke_reader_key(id, null, '{"actor": "key:default"}'), null, 'the second time there is none')
from target;
select results_eq('select count(*) from public.agent_events', 'values (4::bigint)', 'and no event');

-- What the service role may not do either
select throws_ok(
  format('update public.reader_keys set %I = %I', name, name), '42501', null,
  format('the service role cannot change %s', name)
) from unnest(array['id', 'owner_id', 'name', 'key_digest', 'created_at']) as name;
select throws_ok('truncate public.reader_keys', '42501', null, 'the service role cannot empty the table');

-- Everybody else
reset role;
set local role authenticated;
set local request.jwt.claims = '{"sub": "a0000000-0000-4000-8000-000000000001", "role": "authenticated"}';
select throws_ok('select id from public.reader_keys', '42501', null, 'an owner cannot read the table past the functions');
select throws_ok('delete from public.reader_keys', '42501', null, 'an owner cannot delete from it');
select throws_ok(
  $$select public.find_reader_key('sha256:' || repeat('a', 64))$$, '42501', null, 'an owner cannot look for a digest'
);
reset role;
set local role anon;
select throws_ok('select id from public.reader_keys', '42501', null, 'anon cannot read the table');
select throws_ok(
  $$insert into public.reader_keys (name, key_digest) values ('x', 'sha256:' || repeat('e', 64))$$, '42501', null,
  'anon cannot make a key'
);
select throws_ok(
  $$select public.create_reader_key('x', null, null, 'sha256:' || repeat('e', 64), '{"actor": "key:x"}')$$,
  '42501', null, 'anon cannot make one by the function'
);

reset role;
delete from auth.users where id = 'a0000000-0000-4000-8000-000000000001';
select results_eq(
  'select name::text from public.reader_keys', $$values ('a key''s')$$, 'a user who is deleted takes their keys along'
);

select finish();
rollback;
