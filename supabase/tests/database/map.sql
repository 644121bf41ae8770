-- map_agents, and list_agents by a label.
begin;
select no_plan();

insert into auth.users (id) values ('a0000000-0000-4000-8000-000000000001');
create temporary table told as
  select v.* from (values
    ('offline', 'a0000000-0000-4000-8000-000000000001', '{"zone": "b"}', null::timestamptz, now() - interval '1 hour', 'healthy', '0'),
    ('stalled', null, '{"zone": "b"}', null, now(), 'healthy', '1'),
    ('unhealthy', null, '{"zone": "a"}', null, now(), 'unhealthy', '2'),
    ('copied', null, '{"zone": "a"}', null, now(), 'healthy', '3'),
    ('late', null, '{"zone": "a b"}', null, now() - interval '100 seconds', 'healthy', '4'),
    ('degraded', null, '{"zone": ""}', null, now(), 'degraded', '5'),
    ('pending', null, '{}', null, null, null, '6'),
    ('online', 'a0000000-0000-4000-8000-000000000001', '{"zone": "b", "tier": "x"}', null, now(), 'healthy', '7'),
    ('stopped', null, '{"tier": "x"}', null, now(), 'stopping', '8'),
    ('revoked', null, '{"zone": "%$1 \\ '' é"}', now(), null, null, '9')
  ) as v (name, owner, labels, revoked_at, last_seen_at, status, cell);
insert into public.agents (name, owner_id, labels, hostname, revoked_at, progress_deadline_seconds)
  select name, owner::uuid, labels::jsonb, 'host-' || name, revoked_at, case name when 'stalled' then 10 end from told;
update public.agent_beats as b set
    last_seen_at = t.last_seen_at, online_since = now() - interval '1 hour', heartbeats_count = 1, status = t.status,
    busy = t.name = 'stalled', deadline_from = now() - interval '1 hour',
    copies = case t.name when 'copied' then array[gen_random_uuid()] else '{}' end
  from told as t join public.agents as a using (name)
  where b.agent_id = a.id and t.last_seen_at is not null;
grant select on told to service_role;
set local role service_role;

create function pg_temp.map(filter jsonb, group_key text default null, marks_every integer default 3, owner uuid default null)
  returns jsonb language sql as $$
  select public.map_agents(owner, '{"liveness": null, "labels": [], "search": null}'::jsonb || filter, group_key, marks_every)
$$;
create function pg_temp.walk(sort text, page_limit integer) returns text[] language plpgsql as $$
declare
  names text[] := '{}';
  after jsonb;
  page jsonb;
begin
  loop
    page := public.list_agents(null, '{"liveness": null, "labels": [], "search": null}', sort, page_limit, after);
    names := names || array(select row ->> 'name' from jsonb_array_elements(page -> 'rows') as row);
    after := nullif(page -> 'next', 'null');
    exit when after is null;
  end loop;
  return names;
end
$$;

select is(
  pg_temp.map('{}') ->> 'cells', (select string_agg(cell, '' order by name) from told),
  'a character for each agent, its rank, in the order of the names'
);
select is(
  pg_temp.map('{}', 'zone') ->> 'cells',
  (select string_agg(t.cell, '' order by n.place) from unnest(pg_temp.walk('label:zone', 2)) with ordinality as n (name, place) join told as t using (name)),
  'by a label it is in the order of the list by it'
);
select is(
  pg_temp.walk('label:zone', 3),
  array['degraded', 'revoked', 'copied', 'unhealthy', 'late', 'offline', 'online', 'stalled', 'pending', 'stopped'],
  'the list by a label: by its values, those without it last, and by name'
);
select is(
  pg_temp.walk('-label:zone', 4),
  array['stopped', 'pending', 'stalled', 'online', 'offline', 'late', 'unhealthy', 'copied', 'revoked', 'degraded'],
  'and the other way round'
);
select is(pg_temp.walk('label:no-such', 4), pg_temp.walk('name', 4), 'by a label that nobody has, by name') ;
select is(
  pg_temp.map('{}', 'zone') -> 'groups',
  '[{"name": "", "count": 1}, {"name": "%$1 \\ '' é", "count": 1}, {"name": "a", "count": 2}, {"name": "a b", "count": 1}, {"name": "b", "count": 3}, {"name": null, "count": 2}]',
  'how many there are of each value, in that order'
);
select is(pg_temp.map('{}', 'zone') -> 'groups_count', '6', 'and how many values');
select is(pg_temp.map('{}') -> 'groups', '[]', 'no groups without a label');
select is(pg_temp.map('{}', 'zone') ->> 'sort', 'label:zone', 'the list''s order by the label');
select is(pg_temp.map('{}') ->> 'sort', 'name', 'and without one');

-- Marks: what the list takes to begin there.
select is(jsonb_array_length(pg_temp.map('{}', group_key, every) -> 'marks'), marks, format('%s marks of each %s', marks, every))
  from (values (null, 3, 3), ('zone', 5, 2), ('zone', 10, 1), (null, 11, 0)) as v (group_key, every, marks);
select is(
  public.list_agents(null, '{"liveness": null, "labels": [], "search": null}', map ->> 'sort', 2, map -> 'marks' -> 1, skipped) #>> '{rows,0,name}',
  (pg_temp.walk(map ->> 'sort', 20))[6 + skipped + 1],
  format('the list behind a mark by %s, %s left out', map ->> 'sort', skipped)
) from pg_temp.map('{}') as map, unnest(array[0, 1, 3]) as skipped
union all
select is(
  public.list_agents(null, '{"liveness": null, "labels": [], "search": null}', map ->> 'sort', 2, map -> 'marks' -> 1, skipped) #>> '{rows,0,name}',
  (pg_temp.walk(map ->> 'sort', 20))[6 + skipped + 1],
  format('the list behind a mark by %s, %s left out', map ->> 'sort', skipped)
) from pg_temp.map('{}', 'zone') as map, unnest(array[0, 1, 3]) as skipped;

-- Filters
select is(pg_temp.map(filter::jsonb) ->> 'cells', cells, filter) from (values
  ('{"liveness": ["late", "online"]}', '35472'),
  ('{"labels": [{"key": "zone", "value": "b"}]}', '071'),
  ('{"labels": [{"key": "tier", "value": null}, {"key": "zone", "value": null}]}', '7'),
  ('{"search": "HOST-ST"}', '18'),
  ('{"search": "%"}', '')
) as v (filter, cells);
select is(pg_temp.map('{}', null, 3, 'a0000000-0000-4000-8000-000000000001') ->> 'cells', '07', 'an owner''s map is of their own agents');
select is(pg_temp.map('{}', 'zone', 3, 'f0000000-0000-4000-8000-00000000000f') - '{sort}'::text[], '{
  "cells": "", "order": "0", "marks": [], "groups": [], "groups_count": 0, "counts": {}, "troubles": {"unhealthy": 0, "copies": 0}
}', 'nobody''s is empty');
select is(
  map -> key, page -> key, format('%s are those of the list', key)
) from pg_temp.map('{"liveness": ["pending"]}') as map, public.list_agents(null, '{"liveness": ["pending"], "labels": [], "search": null}', 'name', 1, null) as page,
  unnest(array['counts', 'troubles']) as key;

-- The order
create temporary table orders as select pg_temp.map('{}', 'zone') ->> 'order' as was, pg_temp.map('{}') ->> 'order' as plain;
reset role;
update public.agent_beats set status = 'degraded' where status = 'unhealthy';
select is(pg_temp.map('{}', 'zone') ->> 'order', was, 'a beat leaves the order as it is') from orders;
update public.agents set labels = '{"zone": "c"}' where labels ->> 'zone' = 'b';
select isnt(pg_temp.map('{}', 'zone') ->> 'order', was, 'another value is another order, where no agent moves, too') from orders;
delete from public.agents where name = 'stopped';
select isnt(pg_temp.map('{}') ->> 'order', plain, 'one agent less, too') from orders;

-- Many values
insert into public.agents (name, labels) select 'many ' || i, jsonb_build_object('id', i::text) from generate_series(1, 1100) as i;
select is(jsonb_array_length(map -> 'groups'), 1000, 'at most 1,000 groups are listed') from pg_temp.map('{}', 'id') as map;
select is(map -> 'groups_count', '1101', 'and all are counted') from pg_temp.map('{}', 'id') as map;

select * from finish();
rollback;
