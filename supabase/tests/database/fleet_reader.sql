-- let_read_fleet: a role of its own for Grafana and the like. And what the view says of its columns.
begin;
select no_plan();

select is_empty(
  $$select c.relname, a.attname from pg_class as c join pg_attribute as a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'v' and a.attnum > 0 and c.relname = 'fleet'
      and col_description(c.oid, a.attnum) is null$$,
  'every column of the view has a comment'
);
select is(
  (select array_agg(a.attname::text order by a.attnum) from pg_attribute as a where a.attrelid = 'public.fleet'::regclass and a.attnum between 1 and 8),
  array['id', 'name', 'liveness', 'liveness_since', 'status', 'message', 'silent_for', 'last_seen_at'],
  'and what a person looks for comes first'
);

insert into auth.users (id) values ('a0000000-0000-4000-8000-000000000001');
insert into public.agents (name, owner_id) values ('owned', 'a0000000-0000-4000-8000-000000000001'), ('nobody''s', null);
insert into public.server_gaps (began_at, ended_at, excused_until)
  values (now() - interval '2 days', now() - interval '2 days', now() - interval '2 days');
update public.agent_beats set last_seen_at = now() - interval '1 day', online_since = now() - interval '3 days', heartbeats_count = 1, status = 'healthy';
select throws_ok(format('select public.%s(%L)', act, role), '22023', null, format('%s refuses %s', act, role))
  from unnest(array['let_read_fleet', 'stop_reading_fleet']) as act, unnest(array['anon', 'authenticated', 'service_role']) as role;
create role "Grafana's reader";
select lives_ok($$select public.let_read_fleet('"Grafana''s reader"')$$, 'the owner lets a role read the fleet');
select lives_ok($$select public.let_read_fleet('"Grafana''s reader"')$$, 'twice is allowed');
select set_eq(
  $$select table_name::text from information_schema.role_table_grants where grantee = 'Grafana''s reader'$$,
  array['fleet'], 'of whole relations it reads the view only'
);
select is_empty(
  $$select g.table_name, g.column_name, g.privilege_type from information_schema.column_privileges as g
    where g.grantee = 'Grafana''s reader' and (
      g.privilege_type <> 'SELECT'
      or g.table_name not in ('fleet', 'agents', 'agent_beats', 'server_gaps')
      or g.column_name in ('agent_secret', 'previous_secret', 'pending_secret', 'session_epoch')
    )$$,
  'and of its tables what it is made of'
);
select set_eq(
  $$select p.proname::text from pg_proc as p, aclexplode(p.proacl) as a where a.grantee = to_regrole('"Grafana''s reader"')$$,
  array['agent_liveness', 'agent_liveness_since'], 'it executes what the view calls, and nothing else'
);

-- For pgTAP itself.
do $do$ begin
  execute format('grant usage on schema %I to "Grafana''s reader"', (select nspname from pg_namespace as n join pg_extension as e on e.extnamespace = n.oid where e.extname = 'pgtap'));
end $do$;
set local role "Grafana's reader";
select results_eq(
  'select name::text, liveness from public.fleet order by name', $$values ('nobody''s', 'offline'), ('owned', 'offline')$$,
  'it reads the fleet, everybody''s agents, with their liveness'
);
select throws_ok(format('select %s', read), '42501', null, format('it cannot read %s', read)) from unnest(array[
  'agent_secret from public.agents', '* from public.agents', 'session_epoch from public.agent_beats', '1 from public.agent_events',
  '1 from public.reader_keys', '1 from public.channels', '1 from public.deliveries', '1 from public.incidents',
  '1 from public.enrollments', '1 from public.agent_instances', '1 from public.history_beats', 'id from auth.users'
]) as read;
select throws_ok(act, '42501', null, act) from unnest(array[
  'update public.agents set name = name', 'delete from public.agents', 'insert into public.agents (name) values (''x'')',
  'update public.agent_beats set status = status', 'select public.count_agents()',
  'select public.let_read_fleet(''anon'')', 'select public.stop_reading_fleet(''anon'')', 'create table public.x ()'
]) as act;

reset role;
set local role anon;
select throws_ok('select 1 from public.fleet', '42501', null, 'nobody else reads more than before');
reset role;

create role other_reader;
select public.let_read_fleet('other_reader');
select lives_ok($$select public.stop_reading_fleet('"Grafana''s reader"')$$, 'the owner takes it back');
select lives_ok($$select public.stop_reading_fleet('"Grafana''s reader"')$$, 'twice is allowed');
select is_empty(
  $$select 1 from pg_policy where to_regrole('"Grafana''s reader"')::oid = any (polroles)
    union all select 1 from information_schema.role_table_grants where grantee = 'Grafana''s reader'
    union all select 1 from information_schema.column_privileges where grantee = 'Grafana''s reader'$$,
  'nothing is left of it'
);
do $do$ begin
  execute format('revoke usage on schema %I from "Grafana''s reader"', (select nspname from pg_namespace as n join pg_extension as e on e.extnamespace = n.oid where e.extname = 'pgtap'));
end $do$;
select lives_ok($$drop role "Grafana's reader"$$, 'and the role can be dropped');
select is(
  (select count(*)::int from pg_policy where to_regrole('other_reader')::oid = any (polroles)), 3, 'another reader keeps what it has'
);

select * from finish();
rollback;
