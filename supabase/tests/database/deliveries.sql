-- The outbox: who may see it, which delivery is given out when, and what becomes of it.
begin;
select no_plan();

insert into auth.users (id) values
  ('a0000000-0000-4000-8000-000000000001'), ('b0000000-0000-4000-8000-000000000002');
set local role service_role;
insert into public.channels (name, kind, settings, owner_id) values
  ('pager', 'pagerduty', '{"routing_key": "hidden"}', 'a0000000-0000-4000-8000-000000000001'),
  ('chat', 'slack', '{"url": "https://hooks.example.com/hidden"}', null);
insert into public.incidents (kind, opened_at, joined_at, owner_id)
  values ('offline', now(), now(), 'a0000000-0000-4000-8000-000000000001');
create function pg_temp.queue(channel text, type text) returns void language sql as $$
  insert into public.deliveries (channel_id, incident_id, type, incident, next_attempt_at, created_at)
  select c.id, i.id, queue.type, public.incident_json(i), now(), now()
  from public.channels as c, public.incidents as i where c.name = queue.channel
$$;
create function pg_temp.claim() returns table (channel text, type text, attempt integer) language sql as $$
  select d.value #>> '{channel,name}', d.value ->> 'type', (d.value ->> 'attempt')::integer
  from jsonb_array_elements(public.claim_deliveries(10, 60)) as d
$$;
create function pg_temp.of(channel text, type text) returns public.deliveries language sql as $$
  select d.* from public.deliveries as d join public.channels as c on c.id = d.channel_id
  where c.name = of.channel and d.type = of.type order by d.place desc limit 1
$$;
create function pg_temp.answer(channel text, type text, outcome text, answer text, retry_after integer default null)
  returns jsonb language sql as $$
  select public.record_delivery((d).id, (d).attempts, outcome, answer.answer, retry_after)
  from (select pg_temp.of(channel, type) as d) as of
$$;
select pg_temp.queue('pager', 'opened'), pg_temp.queue('pager', 'reminder'), pg_temp.queue('chat', 'opened');

-- Claims
select results_eq(
  'select * from pg_temp.claim() order by 1', $$values ('chat', 'opened', 1), ('pager', 'opened', 1)$$,
  'each channel''s first delivery is given out'
);
select is_empty('select * from pg_temp.claim()', 'once: neither again nor the next one of the same channel');
update public.deliveries set leased_until = now() - interval '1 second' where leased_until is not null;
select results_eq(
  'select * from pg_temp.claim() order by 1', $$values ('chat', 'opened', 2), ('pager', 'opened', 2)$$,
  'what nobody has answered in its time is given out again'
);
select is(
  (select public.record_delivery(id, 1, 'retry', 'too late', null) from pg_temp.of('pager', 'opened')), null,
  'an answer to an attempt that another one has followed changes nothing'
);
select is((pg_temp.of('pager', 'opened')).last_answer, null, 'not even what was answered');

-- Answers
select is(
  pg_temp.answer('pager', 'opened', 'retry', repeat('x', 600)), '{"state": "pending", "channel_disabled": false}',
  'what was not taken is tried again'
);
select is((pg_temp.of('pager', 'opened')).last_answer, repeat('x', 500), 'what was answered is cut to 500 characters');
select ok(
  (pg_temp.of('pager', 'opened')).next_attempt_at - now() between interval '8 seconds' and interval '12 seconds',
  'after the second attempt in 10 seconds, times 0.8 to 1.2'
);
select is_empty('select * from pg_temp.claim()', 'not before, and nothing that comes after it');
update public.deliveries set next_attempt_at = now(), attempts = 30 where attempts = 2;
select results_eq('select * from pg_temp.claim()', $$values ('pager', 'opened', 31)$$, 'but then');
select pg_temp.answer('pager', 'opened', 'retry', 'busy', 600);
select is(
  (pg_temp.of('pager', 'opened')).next_attempt_at - now(), interval '1 hour', 'after an hour at most, however often'
);
update public.deliveries set next_attempt_at = now(), attempts = 0 where attempts = 31;
select * from pg_temp.claim();
select pg_temp.answer('pager', 'opened', 'retry', 'busy', 600);
select is(
  (pg_temp.of('pager', 'opened')).next_attempt_at - now(), interval '10 minutes', 'no sooner than the receiver asks for'
);
select is(
  (select public.record_delivery(id, 0, 'delivered', 'ok', null) from pg_temp.of('pager', 'opened')),
  '{"state": "delivered", "channel_disabled": false}', 'that it was taken is so whichever attempt it was'
);
select ok((pg_temp.of('pager', 'opened')).delivered_at is not null, 'and noted with its time');
select is(pg_temp.answer('pager', 'opened', 'retry', 'no'), null, 'nothing changes what is delivered');
select results_eq('select * from pg_temp.claim()', $$values ('pager', 'reminder', 1)$$, 'then comes the next one');
select throws_ok(
  $$select pg_temp.answer('pager', 'reminder', 'lost', 'no')$$, '22023', null, 'an outcome is one of four'
);

-- Refused
select pg_temp.answer('pager', 'reminder', 'refused', '400 no such field') from generate_series(1, 1);
select is((pg_temp.of('pager', 'reminder')).state, 'pending', 'a message that is refused is tried again');
update public.deliveries set attempts = 4, next_attempt_at = now() where type = 'reminder';
select pg_temp.queue('pager', 'closed');
select results_eq('select * from pg_temp.claim()', $$values ('pager', 'reminder', 5)$$, 'before what comes after it');
select is(
  pg_temp.answer('pager', 'reminder', 'refused', '400 no such field'), '{"state": "failed", "channel_disabled": false}',
  'the fifth time, it has failed'
);
select is((pg_temp.of('pager', 'reminder')).last_answer, '400 no such field', 'with what the receiver said');
select results_eq('select * from pg_temp.claim()', $$values ('pager', 'closed', 1)$$, 'and holds nothing up');
reset role;
delete from public.deliveries where type = 'closed';
update public.deliveries set state = 'pending', attempts = 1 where type = 'reminder';
set local role service_role;

-- A day
reset role;
update public.deliveries set created_at = now() - interval '1 day' where type = 'reminder';
set local role service_role;
select pg_temp.queue('pager', 'closed');
select is(
  pg_temp.answer('pager', 'reminder', 'retry', 'down'), '{"state": "failed", "channel_disabled": false}',
  'after a day it has failed'
);
select results_eq('select * from pg_temp.claim()', $$values ('pager', 'closed', 1)$$, 'and stops nothing that comes after it');
select pg_temp.answer('pager', 'closed', 'delivered', 'ok');
reset role;
update public.deliveries set created_at = now() - interval '1 day' where type = 'opened' and state = 'pending';
set local role service_role;
select pg_temp.queue('chat', 'reminder'), pg_temp.queue('chat', 'closed'), pg_temp.queue('chat', 'opened');
create temporary table beginning as select d.id, d.attempts from public.deliveries as d
  where d.type = 'opened' and d.created_at < now() and d.state = 'pending';
select public.record_delivery(b.id, b.attempts, 'retry', 'down', null) from beginning as b;
select results_eq(
  $$select d.type, d.state, d.last_answer from public.deliveries as d join public.channels as c on c.id = d.channel_id
    where c.name = 'chat' order by d.place$$,
  $$values ('opened', 'failed', 'down'), ('reminder', 'failed', 'not sent: its beginning failed'),
    ('closed', 'failed', 'not sent: its beginning failed'), ('opened', 'pending', null)$$,
  'what belongs to a beginning that failed is not sent either, up to the next beginning'
);

-- Gone, and disabled
select * from pg_temp.claim();
select pg_temp.queue('chat', 'closed');
select is(
  pg_temp.answer('chat', 'opened', 'gone', 'Gone'), '{"state": "failed", "channel_disabled": true}',
  'a receiver that wants no more is told no more'
);
select results_eq(
  $$select name::text, enabled from public.channels order by name$$, $$values ('chat', false), ('pager', true)$$,
  'its channel is disabled'
);
select results_eq(
  $$select kind, actor, detail ->> 'name', detail -> 'enabled', detail ->> 'answer' from public.agent_events$$,
  $$values ('channel_edited', 'server', 'chat', '{"from": true, "to": false}'::jsonb, 'Gone')$$, 'an event says so'
);
select results_eq(
  $$select d.state, d.last_answer from public.deliveries as d join public.channels as c on c.id = d.channel_id
    where c.name = 'chat' order by d.place desc limit 1$$,
  $$values ('failed', 'not sent: the channel was disabled')$$, 'what waited has failed'
);
select pg_temp.queue('chat', 'opened');
select is_empty('select * from pg_temp.claim()', 'nothing is given out for it');

-- Enabled again
savepoint enabled_again;
create function pg_temp.told() returns table (type text, state text, incident_closed boolean) language sql as $$
  select d.type, d.state, d.incident ->> 'closed_at' is not null
  from public.deliveries as d join public.channels as c on c.id = d.channel_id where c.name = 'chat' order by d.place
$$;
reset role;
delete from public.deliveries as d using public.channels as c where c.id = d.channel_id and c.name = 'chat';
set local role service_role;
update public.channels set enabled = true where name = 'chat';
select pg_temp.queue('chat', 'opened');
update public.deliveries set state = 'delivered', delivered_at = now() where state = 'pending';
update public.channels set enabled = false where name = 'chat';
update public.channels set enabled = true where name = 'chat';
select results_eq('select * from pg_temp.told()', $$values ('opened', 'delivered', false)$$,
  'a channel that is enabled again is told nothing of what is still so');
update public.channels set enabled = false where name = 'chat';
update public.incidents set quiet_since = now(), closed_at = now();
update public.channels set enabled = true where name = 'chat';
select results_eq(
  'select * from pg_temp.told()', $$values ('opened', 'delivered', false), ('closed', 'pending', true)$$,
  'but the end that it missed'
);
update public.channels set enabled = false where name = 'chat';
update public.channels set enabled = true where name = 'chat';
select results_eq(
  'select * from pg_temp.told()',
  $$values ('opened', 'delivered', false), ('closed', 'failed', true), ('closed', 'pending', true)$$,
  'again, if it was disabled before that was sent'
);
update public.deliveries set state = 'delivered', delivered_at = now() where state = 'pending';
update public.channels set enabled = false where name = 'chat';
update public.channels set enabled = true where name = 'chat';
select is((select count(*) from pg_temp.told())::integer, 3, 'and once');
reset role;
update public.deliveries set state = 'failed', delivered_at = null;
set local role service_role;
update public.channels set enabled = false where name = 'chat';
update public.channels set enabled = true where name = 'chat';
select is((select count(*) from pg_temp.told())::integer, 3, 'never an end of what it was not told');

-- Old ones
select is(public.remove_old_deliveries(), 0, 'what is not old stays');
reset role;
update public.deliveries set created_at = now() - interval '31 days';
insert into public.deliveries (channel_id, incident_id, type, incident, next_attempt_at, created_at)
  select d.channel_id, d.incident_id, d.type, d.incident, now(), d.created_at from public.deliveries as d
  where d.type = 'reminder';
update public.incidents set quiet_since = null, closed_at = null;
set local role service_role;
create temporary table waits as
  select count(*)::integer from public.deliveries where type = 'reminder' and state <> 'pending';
select is(
  public.remove_old_deliveries(), (select count from waits), 'of an incident that is open, the reminders that are done'
);
reset role;
update public.incidents set quiet_since = now(), closed_at = now() - interval '31 days';
set local role service_role;
select ok(public.remove_old_deliveries() > 0, 'of one that is closed, all that is done');
select set_eq('select distinct type, state from public.deliveries', $$values ('reminder', 'pending')$$, 'but what waits');
rollback to enabled_again;

-- The incident shows them
select results_eq(
  $$select d.value ->> 'channel_name', d.value ->> 'type', d.value ->> 'state', d.value ->> 'last_answer'
    from public.incidents as i,
      jsonb_array_elements(public.get_incident(i.id, null) -> 'deliveries') with ordinality as d (value, place)
    order by d.place limit 3$$,
  $$values ('chat', 'opened', 'pending', null), ('chat', 'closed', 'failed', 'not sent: the channel was disabled'),
    ('chat', 'opened', 'failed', 'Gone')$$,
  'an incident shows its deliveries, the newest first'
);
select set_eq(
  $$select d.value ->> 'channel_name' from public.incidents as i,
      jsonb_array_elements(public.get_incident(i.id, i.owner_id) -> 'deliveries') as d$$,
  $$values ('pager')$$, 'its owner sees those to channels of their own'
);
select is_empty(
  $$select from public.deliveries as d where public.get_incident(d.incident_id, null)::text like '%hidden%'$$,
  'and nobody sees what the channels'' settings have'
);

-- By actor
set local role authenticated;
set local request.jwt.claims to '{"sub": "a0000000-0000-4000-8000-000000000001", "role": "authenticated"}';
select results_eq('select name::text from public.channels', $$values ('pager')$$, 'an owner sees their own channels');
select throws_ok('select settings from public.channels', '42501', null, 'but not what the settings have');
select set_eq('select type from public.deliveries', $$values ('opened'), ('reminder'), ('closed')$$,
  'an owner sees what their own channels are told');
select is((select count(*) from public.incidents)::integer, 1, 'and their own incidents');
select throws_ok($$update public.channels set enabled = false$$, '42501', null, 'an owner changes none of them by themselves');
set local request.jwt.claims to '{"sub": "b0000000-0000-4000-8000-000000000002", "role": "authenticated"}';
select is_empty('select id from public.channels', 'a stranger sees no channel');
select is_empty('select id from public.deliveries', 'a stranger sees no delivery');
select is_empty('select id from public.incidents', 'a stranger sees no incident');

-- One user's many channels hold up nobody's
reset role;
delete from public.channels;
insert into auth.users (id) values ('c0000000-0000-4000-8000-00000000000c'), ('d0000000-0000-4000-8000-00000000000d')
  on conflict do nothing;
insert into public.channels (owner_id, name, kind, settings)
  select 'c0000000-0000-4000-8000-00000000000c'::uuid, 'many', 'slack', '{}'::jsonb from generate_series(1, 30)
  union all select 'd0000000-0000-4000-8000-00000000000d', 'one', 'slack', '{}'
  union all select null, 'ours', 'slack', '{}' from generate_series(1, 12);
insert into public.incidents (kind, opened_at, joined_at) values ('offline', now(), now());
insert into public.deliveries (channel_id, incident_id, type, incident, next_attempt_at, created_at)
  select c.id, (select id from public.incidents order by opened_at desc limit 1), 'opened', '{}',
    now() - case c.name when 'many' then interval '2 hours' else interval '1 second' end, now()
  from public.channels as c;
set local role service_role;
create temporary table claims as select public.claim_deliveries(50, 60) as first;
select results_eq(
  $$select d #>> '{channel,name}' as name, count(*) from claims, jsonb_array_elements(first) as d group by name order by name$$,
  $$values ('many', 10::bigint), ('one', 1::bigint), ('ours', 12::bigint)$$,
  'of one user at most ten are sent at once, however long they have waited'
);
select is(jsonb_array_length(public.claim_deliveries(50, 60)), 0, 'and no more before one of them is done');

select finish();
rollback;
