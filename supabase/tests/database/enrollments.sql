-- Enrollments: who may do what with them, and their functions.
begin;
select no_plan();

insert into auth.users (id) values
  ('a0000000-0000-4000-8000-000000000001'), ('b0000000-0000-4000-8000-000000000002');
set local role service_role;

create temporary table settings as select
  '{"name": "{hostname}", "labels": {"zone": "a"}, "heartbeat_interval_seconds": 30,
    "progress_deadline_seconds": 600, "uses": 2, "expires_in": 3600}'::jsonb as fields;
create temporary table made as select public.create_enrollment(
  fields, 'a0000000-0000-4000-8000-000000000001', 2, 'sha256:' || repeat('a', 64),
  '{"actor": "user:a0000000-0000-4000-8000-000000000001", "address": "192.0.2.1"}'
) as reply from settings;
select results_eq(
  $$select (reply -> 'enrollment') - 'id'::text from made$$,
  $$select jsonb_build_object('owner_id', 'a0000000-0000-4000-8000-000000000001', 'name', '{hostname}',
    'labels', '{"zone": "a"}'::jsonb, 'heartbeat_interval_seconds', 30, 'progress_deadline_seconds', 600,
    'uses', 2, 'used', 0, 'created_at', public.rfc3339(now()),
    'expires_at', public.rfc3339(now() + interval '1 hour'), 'revoked_at', null)$$,
  'create_enrollment returns the enrollment, without its code''s digest'
);
select results_eq(
  'select agent_id, owner_id::text, kind, actor, address, detail - ''id''::text from public.agent_events',
  $$values (null::uuid, 'a0000000-0000-4000-8000-000000000001', 'enrollment_created',
      'user:a0000000-0000-4000-8000-000000000001', '192.0.2.1', jsonb_build_object(
        'name', '{hostname}', 'uses', 2, 'expires_at', public.rfc3339(now() + interval '1 hour')))$$,
  'and adds the event of its maker'
);
select ok(
  public.create_enrollment(
    fields, 'a0000000-0000-4000-8000-000000000001', 2, 'sha256:' || repeat('b', 64), '{"actor": "key:default"}'
  ) ? 'enrollment',
  'the owner''s last enrollment within the limit is made'
) from settings;
select is(
  public.create_enrollment(fields, owner, 2, 'sha256:' || repeat('c', 64), '{"actor": "key:default"}'),
  jsonb_build_object('refused', refused), format('%s is refused', refused)
) from settings, (values
  ('a0000000-0000-4000-8000-000000000001'::uuid, 'owner_limit'),
  ('f0000000-0000-4000-8000-00000000000f', 'owner_unknown')
) as bad (owner, refused);
select results_eq('select count(*) from public.enrollments', 'values (2::bigint)', 'and makes no enrollment');
select results_eq('select count(*) from public.agent_events', 'values (2::bigint)', 'and no event');
create temporary table nobodys as select public.create_enrollment(
  fields || '{"uses": 1}', null, null, 'sha256:' || repeat('d', 64), '{"actor": "key:default"}'
) as reply from settings;
create temporary table codes as select
  (select (reply #>> '{enrollment,id}')::uuid from made) as owned,
  (select (reply #>> '{enrollment,id}')::uuid from nobodys) as nobodys;

-- Reading
select is(public.get_enrollment(owned, owner) #>> '{enrollment,id}', expected, format('get_enrollment for %s', what))
from codes, lateral (values
  (null::uuid, owned::text, 'a secret API key'),
  ('a0000000-0000-4000-8000-000000000001', owned::text, 'its owner'),
  ('b0000000-0000-4000-8000-000000000002', null, 'another owner, who does not find it')
) as asked (owner, expected, what);
select is(public.get_enrollment(owned, null) -> 'hosts', '[]', 'an enrollment that nobody used has no hosts') from codes;
create temporary table page as
  select public.list_enrollments('a0000000-0000-4000-8000-000000000001', 1, null) as first;
select is(jsonb_array_length(first -> 'rows'), 1, 'a page has as many rows as were asked for') from page;
select results_eq(
  $$select first -> 'rows' || (public.list_enrollments('a0000000-0000-4000-8000-000000000001', 1, first -> 'next') -> 'rows')
    from page$$,
  $$select jsonb_agg(public.enrollment_json(e) order by id desc) from public.enrollments as e
    where owner_id = 'a0000000-0000-4000-8000-000000000001'$$,
  'its next has the others, and no other owner''s'
);
select is(jsonb_array_length(public.list_enrollments(null, 200, null) -> 'rows'), 3, 'a secret API key sees all');

-- Enrolling. Hosts by the letter of their digest.
prepare enroll (text, text, text, text) as select public.enroll(
  'sha256:' || repeat($1, 64), 'sha256:' || repeat($2, 64), 'sha256:' || repeat($3, 64), $4, '192.0.2.9', 10
) as reply;
create temporary table enrolled as execute enroll('a', '1', '0', 'web-1');
select results_eq(
  $$select reply #>> '{agent,name}', (reply -> 'agent') - 'id'::text - 'name'::text from enrolled$$, $$values ('web-1', '{}'::jsonb)$$,
  'enroll returns the agent''s id and name'
);
select results_eq(
  $$select owner_id::text, name::text, labels::jsonb, heartbeat_interval_seconds::integer,
      progress_deadline_seconds::integer, agent_secret::text, secret_created_at from public.agents$$,
  $$values ('a0000000-0000-4000-8000-000000000001', 'web-1', '{"zone": "a"}'::jsonb, 30, 600,
    'sha256:' || repeat('0', 64), now())$$,
  'the agent is as the enrollment says'
);
select results_eq(
  $$select agent_id, owner_id::text, agent_name, kind, actor, address, detail from public.agent_events
    where kind not like 'enrollment%'$$,
  $$select (reply #>> '{agent,id}')::uuid, 'a0000000-0000-4000-8000-000000000001', 'web-1', 'enrolled',
      'enrollment:' || owned, '192.0.2.9',
      '{"name": "web-1", "labels": {"zone": "a"}, "heartbeat_interval_seconds": 30, "hostname": "web-1"}'::jsonb
    from enrolled, codes$$,
  'one event says by which code and from where'
);
select results_eq(
  'select uses, used from public.enrollments join codes on id = owned', 'values (2, 1)', 'the use is counted'
);
create temporary table again as execute enroll('a', '1', '2', 'web-1');
select results_eq('select reply from again', 'select reply from enrolled', 'the same host gets the same agent');
select results_eq(
  'select agent_secret::text from public.agents', $$values ('sha256:' || repeat('2', 64))$$, 'with the fresh secret'
);
select results_eq(
  'select uses, used from public.enrollments join codes on id = owned', 'values (2, 1)', 'which uses nothing'
);
select results_eq(
  'select count(*) from public.agent_events', 'values (4::bigint)', 'and is no event'
);
select results_eq(
  $$select reply #>> '{agent,name}' ~ ('^agent-' || left(reply #>> '{agent,id}', 8) || '$')
    from (select public.enroll('sha256:' || repeat('a', 64), 'sha256:' || repeat('3', 64),
      'sha256:' || repeat('0', 64), null, null, 10) as reply) as asked$$,
  'values (true)', 'without a hostname the name comes from the id'
);
create temporary table before as
  select (select jsonb_agg(a order by id) from public.agents as a) as agents,
    (select jsonb_agg(e order by id) from public.enrollments as e) as enrollments,
    (select jsonb_agg(h order by host_digest) from public.enrollment_hosts as h) as hosts,
    (select count(*) from public.agent_events) as events;
select is(
  public.enroll('sha256:' || repeat(code, 64), 'sha256:' || repeat('4', 64), 'sha256:' || repeat('0', 64), 'h', null, 10),
  null, format('%s is refused', what)
) from (values ('a', 'a code that is used up'), ('e', 'an unknown code')) as refused (code, what);
select is(
  public.record_progress('sha256:' || repeat(code, 64), 'sha256:' || repeat('4', 64),
    '{"step": "check", "failed": false}', null),
  null, format('%s is refused for progress, too', what)
) from (values ('a', 'a code that is used up'), ('e', 'an unknown code')) as refused (code, what);
select is(
  public.enroll('sha256:' || repeat('d', 64), 'sha256:' || repeat('4', 64), 'sha256:' || repeat('0', 64), 'h', null, 0)
    ->> 'refused',
  null, 'the owner''s limit is not for what nobody owns'
);
reset role;
delete from public.agents where owner_id is null;
delete from public.agent_events where owner_id is null and kind = 'enrolled';
delete from public.enrollment_hosts where host_digest = 'sha256:' || repeat('4', 64);
update public.enrollments set used = 0 where owner_id is null;
set local role service_role;
select results_eq(
  $$select (select jsonb_agg(a order by id) from public.agents as a),
    (select jsonb_agg(e order by id) from public.enrollments as e),
    (select jsonb_agg(h order by host_digest) from public.enrollment_hosts as h),
    (select count(*) from public.agent_events)$$,
  'select agents, enrollments, hosts, events from before', 'a refusal leaves nothing'
);

-- The limit of the owner
select is(
  public.enroll('sha256:' || repeat('b', 64), 'sha256:' || repeat('5', 64), 'sha256:' || repeat('0', 64), 'h', null, 2),
  '{"refused": "owner_limit"}', 'the owner''s limit is told'
);
select results_eq(
  'select sum(used) from public.enrollments', 'values (2::bigint)', 'and uses nothing'
);
select results_eq('select count(*) from public.agents', 'values (2::bigint)', 'and makes no agent');

-- When the same host gets nothing more
update public.agents set last_handshake_at = now(), handshakes_count = 1 where name = 'web-1';
prepare ask_again as select public.enroll(
  'sha256:' || repeat('a', 64), 'sha256:' || repeat('1', 64), 'sha256:' || repeat('9', 64), 'web-1', null, 10
);
select results_eq('execute ask_again', 'values (null::jsonb)', 'after the first handshake the same host is refused');
reset role;
update public.agents set last_handshake_at = null, handshakes_count = 0, revoked_at = now() where name = 'web-1';
set local role service_role;
select results_eq('execute ask_again', 'values (null::jsonb)', 'and when its agent was revoked');
delete from public.agents where name = 'web-1';
select results_eq('execute ask_again', 'values (null::jsonb)', 'and when its agent was deleted');
select results_eq(
  $$select count(*) from public.agents where agent_secret = 'sha256:' || repeat('9', 64)$$, 'values (0::bigint)',
  'and no secret is changed'
);

-- Names
create temporary table named (template text, hostname text, name text);
insert into named values
  ('edge', 'h', 'edge'), ('edge', null, 'edge'), ('{hostname}', 'h', 'h'), ('a {hostname} b {hostname}', 'h', 'a h b h'),
  ('x-{hostname}', repeat('ü', 255), 'x-' || repeat('ü', 98)), ('{host}', 'h', '{host}'),
  ('{hostname}', '{hostname}', '{hostname}'), ('{hostname}', 'a\1$&', 'a\1$&');
select public.create_enrollment(
  fields || jsonb_build_object('name', template), null, null, 'sha256:' || lpad(to_hex(row_number() over ()), 64, '0'),
  '{"actor": "key:default"}'
) from settings, named;
select is(
  public.enroll('sha256:' || lpad(to_hex(place), 64, '0'), 'sha256:' || repeat('6', 64), 'sha256:' || repeat('0', 64),
    hostname, null, 10) #>> '{agent,name}',
  name, format('%s for %s is %s', template, coalesce(hostname, 'no hostname'), name)
) from (select *, row_number() over () as place from named) as numbered;

-- Progress
prepare report (text, text, boolean, text) as select public.record_progress(
  'sha256:' || repeat('d', 64), 'sha256:' || lpad($1, 64, '0'),
  jsonb_build_object('step', $2, 'failed', $3, 'detail', $4), '192.0.2.7'
);
select results_eq($$execute report('1', 'check_host', false, null)$$, 'values (true)', 'progress is taken before /enroll');
select results_eq($$execute report('1', 'download', true, 'no room')$$, 'values (true)', 'and again');
select results_eq(
  $$select agent_id, hostname::text, address, step, failed, detail from public.enrollment_hosts join codes on enrollment_id = nobodys$$,
  $$values (null::uuid, null, '192.0.2.7', 'download', true, 'no room')$$, 'a host is one row, with its last report'
);
select results_eq(
  'select used from public.enrollments join codes on id = nobodys', 'values (0)', 'which uses nothing'
);
select ok(
  public.record_progress('sha256:' || repeat('d', 64), 'sha256:' || lpad(host::text, 64, '0'), '{"step": "a", "failed": false}', null),
  format('host %s of a code for one is heard', host)
) from generate_series(2, 10) as host;
select results_eq($$execute report('11', 'a', false, null)$$, 'values (null::boolean)', 'the eleventh is not');
select results_eq($$execute report('1', 'b', false, null)$$, 'values (true)', 'but one that is known is, all the same');
select ok(
  public.enroll('sha256:' || repeat('d', 64), 'sha256:' || lpad('1', 64, '0'), 'sha256:' || repeat('0', 64), 'web-9', null, 10)
    ? 'agent',
  'a host that has reported enrolls'
);
select results_eq(
  $$select count(*) from public.enrollment_hosts join codes on enrollment_id = nobodys
    where agent_id is not null and step = 'b' and hostname = 'web-9'$$,
  'values (1::bigint)', 'in the row that it has'
);
select results_eq($$execute report('1', 'start', false, null)$$, 'values (true)', 'it is heard when the code is used up');
select results_eq(
  $$select host - 'at' from codes, jsonb_array_elements(public.get_enrollment(nobodys, null) -> 'hosts') as host
    where host ->> 'agent_id' is not null or host ->> 'step' <> 'a'$$,
  $$select jsonb_build_object('agent_id', id, 'hostname', 'web-9', 'address', '192.0.2.7', 'step', 'start',
    'failed', false, 'detail', null) from public.agents where name = 'web-9'$$,
  'get_enrollment shows what it knows of a host, but not its digest'
);
select results_eq(
  $$select jsonb_array_length(public.get_enrollment(nobodys, null) -> 'hosts') from codes$$, 'values (10)',
  'and every host'
);

-- A day later, and after its end
reset role;
update public.enrollments set created_at = now() - interval '2 hours', expires_at = now() - interval '1 hour'
  where id = (select nobodys from codes);
set local role service_role;
select results_eq($$execute report('1', 'start', false, null)$$, 'values (true)', 'a known host is heard when the code has expired');
select results_eq(
  $$select public.enroll('sha256:' || repeat('d', 64), 'sha256:' || lpad('1', 64, '0'), 'sha256:' || repeat('0', 64), 'web-9', null, 10)$$,
  'values (null::jsonb)', 'but gets nothing more'
);
reset role;
update public.enrollment_hosts set created_at = now() - interval '25 hours';
set local role service_role;
select results_eq($$execute report('1', 'start', false, null)$$, 'values (null::boolean)', 'and a day later it is heard no more');

-- Revoking
select is(
  public.revoke_enrollment(owned, 'b0000000-0000-4000-8000-000000000002', '{"actor": "key:default"}'), null,
  'another owner''s enrollment is not found'
) from codes;
select results_eq(
  'select revoked_at from public.enrollments join codes on id = owned', 'values (null::timestamptz)', 'and stays good'
);
select isnt(
  public.revoke_enrollment(owned, 'a0000000-0000-4000-8000-000000000001', '{"actor": "key:default"}') ->> 'revoked_at',
  null, 'an owner revokes their own'
) from codes;
select is(
  public.revoke_enrollment(owned, null, '{"actor": "key:default"}') ->> 'id', owned::text, 'twice is fine'
) from codes;
select results_eq(
  $$select count(*) from public.agent_events where kind = 'enrollment_revoked'$$, 'values (1::bigint)', 'and one event'
);
select is(
  public.record_progress('sha256:' || repeat('a', 64), 'sha256:' || repeat('3', 64), '{"step": "a", "failed": false}', null),
  null, 'a revoked code is good for no progress, not even of a known host'
);
select is(
  public.enroll('sha256:' || repeat('a', 64), 'sha256:' || repeat('3', 64), 'sha256:' || repeat('8', 64), 'h', null, 10),
  null, 'and gives its hosts no fresh secret'
);
select results_eq(
  $$select count(*) from public.agents where name like 'agent-%' and agent_secret = 'sha256:' || repeat('0', 64)
      and revoked_at is null$$,
  'values (1::bigint)', 'its agents stay as they are'
);

-- What is old
reset role;
update public.enrollments set
    created_at = now() - interval '32 days', expires_at = now() - interval '30 days' + make_interval(secs => late)
  from codes, (values (true, -1), (false, 1)) as moved (is_owned, late)
  where id = case when is_owned then owned else nobodys end;
set local role service_role;
select lives_ok('select public.upkeep()', 'upkeep removes what expired 30 days ago');
select results_eq(
  $$select exists (select from public.enrollments where id = owned), exists (select from public.enrollments where id = nobodys),
      (select count(*) from public.enrollment_hosts where enrollment_id = owned) from codes$$,
  'values (false, true, 0::bigint)', 'with its hosts, and no other'
);
reset role;
update public.enrollments set expires_at = expires_at - interval '2 seconds' from codes where id = nobodys;
set local role service_role;
select ok(
  public.create_enrollment(fields, null, null, 'sha256:' || repeat('f', 64), '{"actor": "key:default"}') ? 'enrollment',
  'a new enrollment is made'
) from settings;
select results_eq(
  'select count(*) from public.enrollments join codes on id = nobodys', 'values (0::bigint)', 'and what is old is removed'
);

-- What the service role may not do either
select throws_ok(
  format('update public.enrollments set %I = %I', name, name), '42501', null,
  format('the service role cannot change %s', name)
) from unnest(array['id', 'owner_id', 'code_digest', 'name', 'labels', 'uses', 'created_at', 'expires_at']) as name;
select throws_ok('delete from public.enrollment_hosts', '42501', null, 'the service role cannot remove a host');

-- Everybody else
reset role;
set local role authenticated;
set local request.jwt.claims = '{"sub": "a0000000-0000-4000-8000-000000000001", "role": "authenticated"}';
select throws_ok(statement, '42501', null, format('an owner cannot: %s', statement))
from unnest(array[
  'select id from public.enrollments', 'select agent_id from public.enrollment_hosts',
  'update public.enrollments set used = 0', 'delete from public.enrollments',
  $$select public.enroll('', '', '', null, null, 1)$$, $$select public.get_enrollment(gen_random_uuid(), null)$$
]) as statement;
reset role;
set local role anon;
select throws_ok(statement, '42501', null, format('anon cannot: %s', statement))
from unnest(array[
  'select id from public.enrollments', 'select agent_id from public.enrollment_hosts',
  $$select public.enroll('', '', '', null, null, 1)$$, $$select public.record_progress('', '', '{}', null)$$,
  $$select public.enrollment_use('', '')$$
]) as statement;

select finish();
rollback;
