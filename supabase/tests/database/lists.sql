-- list_agents, list_events and remove_old_events.
begin;
select no_plan();

insert into auth.users (id) values
  ('a0000000-0000-4000-8000-000000000001'), ('b0000000-0000-4000-8000-000000000002');
-- One of each liveness, and what counts as trouble beside it. Their names say in which order they come.
create temporary table told as
  select v.* from (values
    ('1 offline long', 'a0000000-0000-4000-8000-000000000001', '{"zone": "a"}', 'Host-1', interval '9 hours', null::timestamptz, null::timestamptz, now() - interval '2 hours', null::timestamptz, 'healthy'),
    ('2 offline', 'a0000000-0000-4000-8000-000000000001', '{"zone": "b", "tier": ""}', null, interval '8 hours', null, null, now() - interval '1 hour', null, 'unhealthy'),
    ('3 unhealthy', null, '{}', null, interval '7 hours', null, null, now(), now() - interval '5 hours', 'unhealthy'),
    ('3a copied', null, '{}', null, interval '3 hours', null, null, now(), now() - interval '3 hours', 'healthy'),
    ('4 late', null, '{}', '50%_off', interval '6 hours', null, null, now() - interval '100 seconds', null, 'healthy'),
    ('5 degraded', null, '{}', null, interval '5 hours', null, null, now(), now() - interval '4 hours', 'degraded'),
    ('6 pending', null, '{}', null, interval '4 hours', null, null, null, null, null),
    ('7 restored', 'b0000000-0000-4000-8000-000000000002', '{}', null, interval '9 hours', null, now() - interval '1 minute', now() - interval '1 hour', null, 'healthy'),
    ('8 online', 'b0000000-0000-4000-8000-000000000002', '{}', null, interval '2 hours', null, null, now(), now() - interval '2 hours', 'healthy'),
    ('9 stopped', null, '{}', null, interval '1 hour', null, null, now(), null, 'stopping'),
    ('A revoked', null, '{}', null, interval '1 hour', now(), null, null, null, null)
  ) as v (name, owner, labels, hostname, age, revoked_at, restored_at, last_seen_at, online_since, status);
insert into public.agents
    (name, owner_id, labels, hostname, created_at, revoked_at, restored_at)
  select name, owner::uuid, labels::jsonb, hostname, now() - age, revoked_at, restored_at
  from told;
update public.agent_beats as b
  set last_seen_at = t.last_seen_at, online_since = t.online_since, heartbeats_count = 1, status = t.status
  from told as t join public.agents as a using (name)
  where b.agent_id = a.id and t.last_seen_at is not null;
update public.agent_beats set copies = array[gen_random_uuid(), gen_random_uuid()] where agent_id in (select a.id from public.agents as a where a.name in ('3a copied', 'A revoked'));
create temporary table everybody as select a.name, a.id from public.agents as a;
grant select on everybody to service_role;
set local role service_role;

-- All pages of a list, one after the other: the names in their order.
create function pg_temp.walk(filter jsonb, sort text, page_limit integer, owner uuid default null)
  returns text[] language plpgsql as $$
declare
  names text[] := '{}';
  after jsonb;
  page jsonb;
begin
  loop
    page := public.list_agents(owner, '{"liveness": null, "labels": [], "search": null}'::jsonb || filter, sort, page_limit, after);
    names := names || array(select row ->> 'name' from jsonb_array_elements(page -> 'rows') as row);
    after := nullif(page -> 'next', 'null');
    exit when after is null;
  end loop;
  return names;
end
$$;

select is(
  pg_temp.walk('{}', sort, page_limit), array(select name::text from everybody order by name collate "C"),
  format('by %s, %s at a time: the whole fleet, once, in its order', sort, page_limit)
) from unnest(array['trouble', 'name']) as sort, unnest(array[1, 3, 10, 11, 200]) as page_limit;
select is(
  pg_temp.walk('{}', '-' || sort, 3), array(select name::text from everybody order by name collate "C" desc),
  format('by -%s: the other way round', sort)
) from unnest(array['trouble', 'name']) as sort;
select is(
  pg_temp.walk('{}', sort, 3),
  array(select a.name::text from public.agents as a order by a.created_at, a.id), format('by %s: the oldest first', sort)
) from unnest(array['created_at']) as sort;
select is(
  pg_temp.walk('{}', '-created_at', 1),
  array(select a.name::text from public.agents as a order by a.created_at desc, a.id desc), 'by -created_at: the newest first'
);
select is(
  pg_temp.walk('{}', 'last_seen_at', 1),
  array(select a.name::text from public.fleet as a order by a.last_seen_at nulls first, a.id), 'by last_seen_at: never comes first'
);
select is(
  pg_temp.walk('{}', '-last_seen_at', 2),
  array(select a.name::text from public.fleet as a order by a.last_seen_at desc nulls last, a.id desc), 'and last, the other way round'
);

-- Filters
select is(pg_temp.walk(filter::jsonb, 'name', 2), names::text[], filter) from (values
  ('{"liveness": ["online"]}', '{3 unhealthy,3a copied,5 degraded,8 online}'),
  ('{"liveness": ["stopped", "revoked"]}', '{9 stopped,A revoked}'),
  ('{"liveness": ["stalled"]}', '{}'),
  ('{"labels": [{"key": "zone", "value": null}]}', '{1 offline long,2 offline}'),
  ('{"labels": [{"key": "zone", "value": "b"}]}', '{2 offline}'),
  ('{"labels": [{"key": "zone", "value": null}, {"key": "tier", "value": ""}]}', '{2 offline}'),
  ('{"labels": [{"key": "zone", "value": "a"}, {"key": "zone", "value": "b"}]}', '{}'),
  ('{"labels": [{"key": "colour", "value": null}]}', '{}'),
  ('{"search": "OFFline"}', '{1 offline long,2 offline}'),
  ('{"search": "host-"}', '{1 offline long}'),
  ('{"search": "%"}', '{4 late}'),
  ('{"search": "50%_OFF"}', '{4 late}'),
  ('{"search": "_____"}', '{}'),
  ('{"search": "\\"}', '{}')
) as v (filter, names);
select is(
  pg_temp.walk('{}', 'name', 1, 'b0000000-0000-4000-8000-000000000002'), '{7 restored,8 online}', 'an owner''s list is their own agents'
);
select is(pg_temp.walk('{}', 'name', 1, 'f0000000-0000-4000-8000-00000000000f'), '{}', 'nobody''s is empty');

-- Counts
select is(
  public.list_agents(null, '{"liveness": ["late"], "labels": [], "search": null}', 'name', 1, null) -> 'counts',
  '{"offline": 2, "online": 4, "late": 1, "pending": 2, "stopped": 1, "revoked": 1}', 'counts are of all that fit but for liveness'
);
select is(
  public.list_agents('a0000000-0000-4000-8000-000000000001', '{"liveness": null, "labels": [{"key": "zone", "value": "a"}], "search": null}', 'name', 1, null) -> 'counts',
  '{"offline": 1}', 'and of no others'
);
select is(
  page -> 'troubles', '{"unhealthy": 1, "copies": 2}',
  'troubles are what liveness does not say: of those that beat and say that they are unhealthy, and the copies of all but the revoked'
) from public.list_agents(null, '{"liveness": ["pending"], "labels": [], "search": null}', 'name', 1, null) as page;
select is(
  page -> 'troubles', '{"unhealthy": 0, "copies": 0}', 'which there are none of here'
) from public.list_agents(null, '{"liveness": null, "labels": [], "search": "no such name"}', 'name', 1, null) as page;
select is(
  page -> 'rows' -> 0, public.get_agent((page #>> '{rows,0,id}')::uuid, null), 'a row of a list is the Agent'
) from public.list_agents(null, '{"liveness": null, "labels": [], "search": null}', 'trouble', 1, null) as page;
select results_eq(
  $$select page #>> '{rows,0,liveness}' from everybody, public.list_agents(null, jsonb_build_object('liveness', null, 'labels', '[]'::jsonb, 'search', everybody.name), 'trouble', 1, null) as page order by everybody.name$$,
  'select f.liveness from public.fleet as f order by f.name', 'and its liveness is the fleet''s'
);

-- 1 MiB
reset role;
update public.agents set labels = (select jsonb_object_agg('k' || i, repeat('x', 255)) from generate_series(1, 32) as i);
update public.agent_beats set message = repeat(U&'\6F22', 500);
insert into public.agents (name, labels) select 'B ' || lpad(i::text, 3, '0'), (select a.labels from public.agents as a limit 1) from generate_series(1, 189) as i;
set local role service_role;
select ok(
  jsonb_array_length(page -> 'rows') between 50 and 150 and octet_length(page::text) <= 1048576 and page -> 'next' <> 'null',
  'a page ends early, with its cursor, before it is larger than 1 MiB'
) from public.list_agents(null, '{"liveness": null, "labels": [], "search": null}', 'name', 200, null) as page;
select is(cardinality(pg_temp.walk('{}', 'name', 200)), 200, 'and nothing is lost between such pages');
select is(
  public.page_of(jsonb_build_array(jsonb_build_object('row', repeat('x', 2000000), 'key', 1), '{"row": 2, "key": 2}'::jsonb), 9) -> 'next',
  '1', 'a row that is larger than that has a page of its own'
);

-- Events
insert into public.agent_events (agent_id, owner_id, agent_name, kind, actor, detail)
  select 'd0000000-0000-4000-8000-000000000004', 'a0000000-0000-4000-8000-000000000001', 'gone', kind, 'key:default', '{"n": 1}'
  from unnest(array['created', 'revoked', 'deleted']) as kind;
insert into public.agent_events (agent_id, owner_id, agent_name, kind, actor)
  select e.id, 'b0000000-0000-4000-8000-000000000002', e.name, 'created', 'agent' from everybody as e where e.name = '8 online';

create function pg_temp.kinds(page jsonb) returns text[] language sql as $$
  select array(select row ->> 'kind' from jsonb_array_elements(page -> 'rows') as row)
$$;
select is(pg_temp.kinds(public.list_events(null, null, null, 9, null)), '{created,deleted,revoked,created}', 'the newest first');
select is(
  pg_temp.kinds(public.list_events('d0000000-0000-4000-8000-000000000004', 'a0000000-0000-4000-8000-000000000001', null, 9, null)),
  '{deleted,revoked,created}', 'also of an agent that is gone'
);
select is(
  public.list_events('d0000000-0000-4000-8000-000000000004', 'b0000000-0000-4000-8000-000000000002', null, 9, null), null,
  'but not for another owner'
);
select is(pg_temp.kinds(public.list_events(null, 'b0000000-0000-4000-8000-000000000002', null, 9, null)), '{created}', 'who has their own');
select is(
  pg_temp.kinds(public.list_events(null, null, '["revoked", "deleted"]', 9, null)), '{deleted,revoked}', 'of these kinds'
);
select is(
  pg_temp.kinds(first) || pg_temp.kinds(second), '{deleted,revoked,created}', 'page by page, and once each where a kind is named twice'
) from public.list_events(null, null, '["revoked", "deleted", "revoked"]', 1, null) as first,
  public.list_events(null, null, '["revoked", "created", "revoked"]', 2, first -> 'next') as second;
select is(
  pg_temp.kinds(public.list_events('d0000000-0000-4000-8000-000000000004', 'a0000000-0000-4000-8000-000000000001', '["created", "revoked"]', 9, null)),
  '{revoked,created}', 'of an agent and an owner, too'
);
select is(pg_temp.kinds(public.list_events(null, 'b0000000-0000-4000-8000-000000000002', '["revoked"]', 9, null)), '{}', 'and of that owner only');
select is(
  pg_temp.kinds(public.list_events(id, null, null, 9, null)), '{}', 'an agent without events has an empty list'
) from everybody where name = '4 late';
select is(public.list_events(id, 'a0000000-0000-4000-8000-000000000001', null, 9, null), null, 'for its owner only')
  from everybody where name = '4 late';
select is(
  pg_temp.kinds(second), '{revoked,created}', 'the page after a page'
) from public.list_events(null, null, null, 2, null) as first, public.list_events(null, null, null, 2, first -> 'next') as second;
select results_eq(
  $$select key from jsonb_object_keys(public.list_events(null, null, null, 1, null) #> '{rows,0}') as key order by key collate "C"$$,
  $$values ('actor'), ('address'), ('agent_id'), ('agent_name'), ('at'), ('detail'), ('id'), ('kind')$$, 'an event has these fields'
);

-- Retention
reset role;
update public.agent_events set happened_at = now() - interval '399 days' where kind = 'revoked';
update public.agent_events set happened_at = now() - interval '401 days' where kind = 'deleted';
set local role service_role;
select lives_ok('select public.upkeep()', 'upkeep removes what is past its time, as the service role');
select results_eq(
  'select kind from public.agent_events order by id', $$values ('created'), ('revoked'), ('created')$$, 'and nothing younger'
);
select is(public.remove_old_events(), 0, 'and nothing twice');

select finish();
rollback;
