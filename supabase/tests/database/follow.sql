-- follow_agents and map_changes.
begin;
select no_plan();

insert into auth.users (id) values ('a0000000-0000-4000-8000-000000000001');
insert into public.agents (name, owner_id, labels, heartbeat_interval_seconds, progress_deadline_seconds)
  select v.name, v.owner::uuid, v.labels::jsonb, v.interval_seconds, v.deadline from (values
    ('a', 'a0000000-0000-4000-8000-000000000001', '{"zone": "b"}', 60, null::integer),
    ('b', null, '{}', 100, null),
    ('c', null, '{"zone": "b"}', 60, 30),
    ('d', null, '{}', 3600, null)
  ) as v (name, owner, labels, interval_seconds, deadline);
-- All have beaten 10 s ago.
update public.agent_beats set
  last_seen_at = now() - interval '10 seconds', online_since = now() - interval '1 hour', heartbeats_count = 1, status = 'healthy';
-- A transaction that has ended with a later number than this one's, which all that is written here has.
savepoint later;
insert into public.agents (name) values ('later');
rollback to savepoint later;
release savepoint later;
set local role service_role;

create function pg_temp.whole(filter jsonb default '{}', group_key text default null, owner uuid default null)
  returns jsonb language sql as $$
  select public.follow_agents(owner, '{"liveness": null, "labels": [], "search": null}'::jsonb || filter, group_key, 1000)
$$;
-- As given, no row counts as written since: what is left is what time alone changes.
create function pg_temp.changes(since jsonb default '{}', filter jsonb default '{}', owner uuid default null)
  returns jsonb language sql as $$
  select public.map_changes(
    owner, '{"liveness": null, "labels": [], "search": null}'::jsonb || filter,
    jsonb_build_object(
      'xid', pg_snapshot_xmax(pg_current_snapshot())::text, 'at_us', public.microseconds(now() - interval '1 second'), 'shortest', 60
    ) || since
  )
$$;
create function pg_temp.changed(since jsonb default '{}', filter jsonb default '{}', owner uuid default null)
  returns text language sql as $$
  select string_agg(c.key || ' ' || a.name, ', ' order by c.key, a.name)
  from jsonb_each(pg_temp.changes(since, filter, owner) -> 'changes') as c, jsonb_array_elements_text(c.value) as i (id)
  join public.agents as a on a.id = i.id::uuid
$$;
-- What the agent's row says of time, as a superuser: a beat would take it back.
create function pg_temp.put(name text, silent interval, more text default 'last_seen_at = last_seen_at') returns void language plpgsql as $$
begin
  reset role;
  update public.agent_beats as b set last_seen_at = now() - silent, back_at = null, status = 'healthy', busy = null
    from public.agents as a where a.id = b.agent_id and a.name = put.name;
  execute format('update public.agent_beats as b set %s from public.agents as a where a.id = b.agent_id and a.name = $1', more)
    using name;
  set local role service_role;
end
$$;

-- The map
select is(pg_temp.whole() ->> 'ids', (select string_agg(id::text, '' order by name) from public.agents), 'the ids, in the map''s order');
select is(
  pg_temp.whole('{}', 'zone') ->> 'ids',
  (select string_agg(a.id::text, '' order by n.place) from unnest(array['a', 'c', 'b', 'd']) with ordinality as n (name, place) join public.agents as a using (name)),
  'and in that of its groups'
);
select is(pg_temp.whole() ->> 'liveness', '7777', 'and what each one''s liveness is');
select is(pg_temp.whole() - '{ids,liveness,incidents,next}'::text[], public.map_agents(null, '{"liveness": null, "labels": [], "search": null}', null, 1000), 'the rest is the map');
select is(pg_temp.whole() -> 'next' -> 'shortest', '60', 'the shortest interval');
select is(pg_temp.whole('{}', null, 'a0000000-0000-4000-8000-000000000001') ->> 'ids', (select id::text from public.agents where name = 'a'), 'an owner''s is of their own agents');

-- What was written
select is(pg_temp.changed('{"xid": "3"}'), '77 a, 77 b, 77 c, 77 d', 'agents that were written since');
select is(pg_temp.changed(), null, 'and none that were not');
select is(pg_temp.changed('{"xid": "3"}', '{"labels": [{"key": "zone", "value": null}]}'), '77 a, 77 c', 'of those that fit');
select is(pg_temp.changed('{"xid": "3"}', '{}', 'a0000000-0000-4000-8000-000000000001'), '77 a', 'of an owner''s own');
select is(pg_temp.changes('{"xid": "3"}', '{}', 'f0000000-0000-4000-8000-00000000000f') -> 'changes', '{}', 'of nobody''s none');

-- What time changes. A look that finds it has it once.
select pg_temp.put('a', '81.5 seconds');
select is(pg_temp.changed(), '44 a', 'a, silent for 81.5 seconds: late');
select pg_temp.put('a', '10 seconds');
select pg_temp.put('a', '82.5 seconds');
select is(pg_temp.changed(), null, 'a, silent for 82.5 seconds: which it was before');
select pg_temp.put('a', '10 seconds');
select pg_temp.put('a', '80.5 seconds');
select is(pg_temp.changed(), null, 'a, silent for 80.5 seconds: and is not yet');
select pg_temp.put('a', '10 seconds');
select pg_temp.put('b', '125.5 seconds');
select is(pg_temp.changed(), '44 b', 'b, silent for 125.5 seconds: late by its own interval');
select pg_temp.put('b', '10 seconds');
select pg_temp.put('a', '195.5 seconds');
select is(pg_temp.changed(), '00 a', 'a, silent for 195.5 seconds: offline');
select pg_temp.put('a', '10 seconds');
select pg_temp.put('a', '196.5 seconds');
select is(pg_temp.changed(), null, 'a, silent for 196.5 seconds: which it was before');
select pg_temp.put('a', '10 seconds');
select pg_temp.put('b', '315.5 seconds');
select is(pg_temp.changed(), '00 b', 'b, silent for 315.5 seconds: offline by its own interval');
select pg_temp.put('b', '10 seconds');
select pg_temp.put('d', '82 seconds');
select is(pg_temp.changed(), null, 'd, silent for 82 seconds: a longer interval has time');
select pg_temp.put('d', '10 seconds');
select pg_temp.put('a', '200 seconds', 'status = ''stopping'', back_at = now() - interval ''81.5 seconds''');
select is(pg_temp.changed(), '44 a', 'a: it meant to be back');
select pg_temp.put('a', '10 seconds');
select pg_temp.put('a', '200 seconds', 'status = ''stopping'', back_at = now() - interval ''70 seconds''');
select is(pg_temp.changed(), null, 'a: it is not to be back yet');
select pg_temp.put('a', '10 seconds');
select pg_temp.put('a', '200 seconds', 'status = ''stopping''');
select is(pg_temp.changed(), null, 'a: it stopped for any time');
select pg_temp.put('a', '10 seconds');
select pg_temp.put('c', '10 seconds', 'busy = true, deadline_from = now() - interval ''30.5 seconds''');
select is(pg_temp.changed(), '11 c', 'c: its work stalls');
select pg_temp.put('c', '10 seconds');
select pg_temp.put('c', '10 seconds', 'busy = true, deadline_from = now() - interval ''31.5 seconds''');
select is(pg_temp.changed(), null, 'c: which it did before');
select pg_temp.put('c', '10 seconds');
select pg_temp.put('c', '10 seconds', 'busy = false, deadline_from = now() - interval ''30.5 seconds''');
select is(pg_temp.changed(), null, 'c: it has no work');
select pg_temp.put('c', '10 seconds');
select pg_temp.put('a', '-4.5 seconds', 'busy = null');
select is(pg_temp.changed(), '77 a', 'a: a beat of the future was late, and is not');
select pg_temp.put('a', '10 seconds');

-- An excused silence delays offline.
reset role;
insert into public.server_gaps (began_at, ended_at, excused_until) values (now() - interval '250 seconds', now() - interval '210 seconds', now() - interval '190 seconds');
set local role service_role;
select is(pg_temp.changes('{"xid": "3"}'), null, 'after the server was away, the whole map is to be read');
select pg_temp.put('a', '255.5 seconds');
select is(pg_temp.changed(), '00 a', 'offline after the time that is excused');
select pg_temp.put('a', '200 seconds');
select is(pg_temp.changed(), '44 a', 'and one that is excused is looked at');
select pg_temp.put('a', '10 seconds');
reset role;
delete from public.server_gaps;
set local role service_role;

-- Copies
reset role;
update public.agent_beats as b set copies = array[gen_random_uuid(), gen_random_uuid()] from public.agents as a where a.id = b.agent_id and a.name in ('a', 'b');
set local role service_role;
select is(pg_temp.changes() -> 'copies', '4', 'all copies are counted each time');
select is(pg_temp.changes('{}', '{"labels": [{"key": "zone", "value": null}]}') -> 'copies', '2', 'of those that fit');
select is(pg_temp.changed('{"xid": "3"}', '{"search": "b"}'), '37 b', 'a copy of one that is online');

-- Acts
select public.revoke_agent(id, null, '{"actor": "key:default"}') from public.agents where name = 'a';
select is(pg_temp.changed('{"xid": "3"}', '{"search": "a"}'), '99 a', 'one that was revoked');
select is(pg_temp.changes() -> 'copies', '2', 'whose copies are not counted');
select public.restore_agent(id, null, '{"actor": "key:default"}') from public.agents where name = 'a';
select is(pg_temp.changed('{"xid": "3"}', '{"search": "a"}'), '36 a', 'one that was restored');
create temporary table before_edit as select pg_temp.changes('{"xid": "3"}') as changes;
select isnt(changes, null, 'neither has the map read again') from before_edit;
select public.edit_agent(id, null, '{"name": "z"}', '{"actor": "key:default"}') from public.agents where name = 'd';
select is(pg_temp.changes('{"xid": "3"}'), null, 'one that was edited has');
select isnt(pg_temp.changes(), null, 'but not those who know of it');

-- Moments that say nothing
select is(pg_temp.changes(since::jsonb), null, since) from (values ('{"xid": "9000000000000000000"}'), ('{"at_us": 1}'), ('{"at_us": 9007199254740991}')) as v (since);

-- Incidents
select is(pg_temp.changes() ->> 'incidents', '', 'without open incidents');
reset role;
insert into public.incidents (kind, opened_at, joined_at) values ('offline', now(), now());
set local role service_role;
create temporary table digests as select pg_temp.changes() ->> 'incidents' as opened;
select isnt(opened, '', 'one that is open') from digests;
select is(pg_temp.whole() ->> 'incidents', opened, 'and the same for the map') from digests;
select is(pg_temp.changes('{}', '{}', 'a0000000-0000-4000-8000-000000000001') ->> 'incidents', '', 'an owner''s are their own');
select public.acknowledge_incident(id, null, '{"actor": "key:default"}') from public.incidents;
select isnt(pg_temp.changes() ->> 'incidents', opened, 'and another text once it has changed') from digests;

select * from finish();
rollback;
