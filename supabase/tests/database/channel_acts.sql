-- Channels: their functions, and whose they are.
begin;
select no_plan();

insert into auth.users (id) values
  ('a0000000-0000-4000-8000-000000000001'), ('b0000000-0000-4000-8000-000000000002');
set local role service_role;

create temporary table given as select '{
  "name": "ops", "kind": "slack", "settings": {"url": "https://hooks.slack.com/services/x"},
  "labels": {"site": "berlin"}, "kinds": null, "after_seconds": 300, "remind_after_seconds": null, "enabled": true
}'::jsonb as channel;
create temporary table made as select public.create_channel(
  channel, 'a0000000-0000-4000-8000-000000000001', 2,
  '{"actor": "user:a0000000-0000-4000-8000-000000000001", "address": "192.0.2.1"}'
) as reply from given;
select is(
  (reply -> 'channel') - 'id' - 'created_at',
  channel || '{"owner_id": "a0000000-0000-4000-8000-000000000001",
    "kinds": ["offline", "stalled", "unhealthy", "copy", "server"]}',
  'create_channel returns the channel as it was given; no kinds are all of them'
) from made, given;
select results_eq(
  'select agent_id, owner_id::text, kind, actor, address, detail from public.agent_events',
  $$select null::uuid, 'a0000000-0000-4000-8000-000000000001', 'channel_created',
      'user:a0000000-0000-4000-8000-000000000001', '192.0.2.1',
      jsonb_build_object('id', reply #>> '{channel,id}', 'name', 'ops', 'kind', 'slack') from made$$,
  'and adds the event of its maker, without its settings'
);
select ok(
  public.create_channel(channel, 'a0000000-0000-4000-8000-000000000001', 2, '{"actor": "key:default"}') ? 'channel',
  'the owner''s last channel within the limit is made'
) from given;
select is(
  public.create_channel(channel, 'a0000000-0000-4000-8000-000000000001', 2, '{"actor": "key:default"}'),
  '{"refused": "owner_limit"}', 'one more than owner_limit is refused'
) from given;
select is(
  public.create_channel(channel, 'f0000000-0000-4000-8000-00000000000f', 2, '{"actor": "key:default"}'),
  '{"refused": "owner_unknown"}', 'an owner who is nobody is refused'
) from given;
select results_eq('select count(*) from public.channels', 'values (2::bigint)', 'and neither makes a channel');
select results_eq('select count(*) from public.agent_events', 'values (2::bigint)', 'and no event');
select is(
  public.create_channel(
    channel || '{"name": "a key''s", "kinds": ["copy"]}', null, null, '{"actor": "key:default"}'
  ) #> '{channel,kinds}',
  '["copy"]', 'a secret API key makes one that nobody owns, of the kinds that were given'
) from given;
select throws_ok(
  format($$select public.create_channel('%s', null, null, '{"actor": "key:default"}')$$, channel || changes),
  '23514', null, format('%s is refused by the table', changes)
) from given, unnest(array[
  '{"name": ""}', '{"name": "a\nb"}', '{"kind": "pigeon"}', '{"settings": []}', '{"kinds": ["late"]}',
  '{"after_seconds": 86401}', '{"remind_after_seconds": 299}', '{"remind_after_seconds": 604801}'
]::jsonb[]) as changes;

-- Finding and listing
create temporary table target as select id from public.channels where name = 'ops' order by id limit 1;
select is(public.find_channel(id, 'b0000000-0000-4000-8000-000000000002'), null, 'another owner''s is not found')
from target;
select is(
  public.find_channel(id, owner) #>> '{settings,url}', 'https://hooks.slack.com/services/x',
  'an owner''s own is found with its settings, and a secret API key finds all'
) from target, unnest(array['a0000000-0000-4000-8000-000000000001', null]::uuid[]) as owner;
create temporary table page as
  select public.list_channels('a0000000-0000-4000-8000-000000000001', 1, null) as first;
select is(jsonb_array_length(first -> 'rows'), 1, 'a page has as many rows as were asked for') from page;
select results_eq(
  $$select first -> 'rows' || (public.list_channels('a0000000-0000-4000-8000-000000000001', 1, first -> 'next') -> 'rows')
    from page$$,
  $$select jsonb_agg(public.channel_json(c) order by id desc) from public.channels as c
    where owner_id = 'a0000000-0000-4000-8000-000000000001'$$,
  'its next has the others, and no other owner''s'
);
select is(jsonb_array_length(public.list_channels(null, 200, null) -> 'rows'), 3, 'a secret API key sees all');
select is(
  public.list_channels('b0000000-0000-4000-8000-000000000002', 200, null), '{"rows": [], "next": null}',
  'an owner of none sees none'
);

-- Editing
select is(
  public.edit_channel(id, 'b0000000-0000-4000-8000-000000000002', '{"enabled": false}', '{"actor": "key:default"}'),
  null, 'another owner''s channel is not found'
) from target;
select is(public.find_channel(id, null) -> 'enabled', 'true', 'and stays') from target;
select is(
  public.edit_channel(
    id, 'a0000000-0000-4000-8000-000000000001',
    '{"name": "on call", "settings": {"url": "https://b.example/y"}, "labels": {}, "kinds": ["offline", "copy"],
      "after_seconds": 0, "remind_after_seconds": 300, "enabled": false}',
    '{"actor": "key:default"}'
  ) - 'id' - 'created_at' - 'owner_id',
  '{"name": "on call", "kind": "slack", "settings": {"url": "https://b.example/y"}, "labels": {},
    "kinds": ["offline", "copy"], "after_seconds": 0, "remind_after_seconds": 300, "enabled": false}',
  'an owner edits their own'
) from target;
select is(
  public.edit_channel(id, null, '{"kinds": null, "remind_after_seconds": null}', '{"actor": "key:default"}')
    - 'id' - 'created_at' - 'owner_id',
  '{"name": "on call", "kind": "slack", "settings": {"url": "https://b.example/y"}, "labels": {},
    "kinds": ["offline", "stalled", "unhealthy", "copy", "server"], "after_seconds": 0,
    "remind_after_seconds": null, "enabled": false}',
  'what is null is taken away, and what is not named stays'
) from target;
select results_eq(
  $$select detail ->> 'name', (select array_agg(v order by v) from jsonb_array_elements_text(detail -> 'changed') as v)
    from public.agent_events where kind = 'channel_edited' order by id desc limit 1$$,
  $$values ('on call', array['kinds', 'remind_after_seconds'])$$,
  'and the event names what was changed, without a value'
);

-- Removing
select is(
  public.remove_channel(id, 'b0000000-0000-4000-8000-000000000002', '{"actor": "key:default"}'), null,
  'another owner''s channel is not found'
) from target;
select results_eq('select count(*) from public.channels', 'values (3::bigint)', 'and stays');
select is(
  public.remove_channel(id, 'a0000000-0000-4000-8000-000000000001', '{"actor": "key:default"}') ->> 'name', 'on call',
  'an owner removes their own'
) from target;
select is(public.find_channel(id, null), null, 'which is then found no more') from target;
select is(public.remove_channel(id, null, '{"actor": "key:default"}'), null, 'the second time there is none')
from target;
select results_eq(
  $$select count(*) from public.agent_events where kind = 'channel_removed'$$, 'values (1::bigint)', 'and no event'
);

-- Everybody else
reset role;
set local role authenticated;
set local request.jwt.claims = '{"sub": "a0000000-0000-4000-8000-000000000001", "role": "authenticated"}';
select throws_ok(call, '42501', null, format('an owner cannot call %s', call)) from unnest(array[
  'select public.list_channels(null, 1, null)', 'select public.find_channel(gen_random_uuid(), null)',
  $$select public.create_channel('{}', null, null, '{}')$$,
  $$select public.edit_channel(gen_random_uuid(), null, '{}', '{}')$$,
  $$select public.remove_channel(gen_random_uuid(), null, '{}')$$
]) as call;
select results_eq(
  'select name::text from public.channels', $$values ('ops')$$, 'an owner sees their own channels in the table'
);
select throws_ok('select settings from public.channels', '42501', null, 'but no settings');
select throws_ok('delete from public.channels', '42501', null, 'and cannot delete one');
reset role;
set local role anon;
select throws_ok('select name::text from public.channels', '42501', null, 'anon cannot read the table');

select finish();
rollback;
