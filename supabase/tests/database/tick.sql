-- What tick notes, opens, closes and queues. Time is given: no test waits.
begin;
select no_plan();

insert into auth.users (id) values ('a0000000-0000-4000-8000-000000000001');
create temporary table clock as select now() as at;
grant select, update on clock to service_role;
-- So that no test depends on the places of the ones before it.
create function pg_temp.begin_anew() returns void language sql as $$
  delete from public.agents; delete from public.agent_troubles; delete from public.incidents; delete from public.channels;
  delete from public.agent_events; delete from public.server_gaps; delete from public.ticks;
  update clock set at = now();
$$;
create function pg_temp.agents(names text[], owner uuid default null, labels jsonb default '{}', seconds integer default 60)
  returns void language sql as $$
  insert into public.agents (name, owner_id, labels, heartbeat_interval_seconds)
    select name, owner, agents.labels, seconds from unnest(names) as name;
  update public.agent_beats set heartbeats_count = 1, status = 'healthy', last_seen_at = clock.at, online_since = clock.at
    from clock where heartbeats_count = 0;
$$;
create function pg_temp.beat(names text[], said text default 'healthy') returns void language sql as $$
  update public.agent_beats as b set last_seen_at = clock.at, status = said, online_since = coalesce(b.online_since, clock.at)
    from clock, public.agents as a where a.id = b.agent_id and a.name = any (names)
$$;
-- Lets time pass, tick by tick, while these agents beat.
create function pg_temp.pass(
  seconds integer, beating text[] default '{}', said text default 'healthy', every integer default 5
)
  returns void language plpgsql as $$
begin
  for tick in 1 .. seconds / every loop
    update clock set at = at + make_interval(secs => every);
    perform pg_temp.beat(beating, said);
    set local role service_role;
    perform public.tick(every, clock.at) from clock;
    reset role;
  end loop;
end
$$;
create function pg_temp.away(seconds integer) returns void language sql as $$
  update clock set at = at + make_interval(secs => seconds)
$$;
create function pg_temp.events() returns table (name text, kind text) language sql as $$
  select agent_name, kind from public.agent_events order by id
$$;
create function pg_temp.deliveries() returns table (channel text, type text, agents integer) language sql as $$
  select c.name, d.type, (d.incident ->> 'agents_count')::integer
  from public.deliveries as d join public.channels as c on c.id = d.channel_id order by d.place
$$;
create function pg_temp.channel(name text, changes jsonb default '{}') returns void language sql as $$
  insert into public.channels (name, kind, settings, owner_id, labels, kinds, after_seconds, remind_after_seconds, enabled)
  select channel.name, 'slack', '{}', c.owner_id, c.labels, c.kinds, c.after_seconds, c.remind_after_seconds, c.enabled
  from jsonb_populate_record(row(null, null, 'x', '', '{}', '{}', null, 0, null, true, null, null)::public.channels, changes) as c
$$;

-- An agent that goes and comes back
select pg_temp.agents(array['a', 'b']), pg_temp.channel('chat');
select pg_temp.pass(60, '{a,b}', every => 10);
select is_empty('select * from pg_temp.events()', 'while all is well, no event is written');
select is_empty('select from public.agent_troubles', 'and nothing is noted');
select pg_temp.pass(80, '{a}', every => 10);
select is_empty('select * from pg_temp.events()', 'a silence of less than 81 s is none');
select pg_temp.pass(5, '{a}');
select results_eq('select * from pg_temp.events()', $$values ('b', 'late')$$, 'then it is late');
select is_empty('select from public.incidents', 'which opens nothing');
select pg_temp.pass(110, '{a}', every => 10);
select results_eq('select * from pg_temp.events()', $$values ('b', 'late')$$, 'after 195 s it is late, still');
select pg_temp.pass(5, '{a}');
select results_eq(
  'select * from pg_temp.events()', $$values ('b', 'late'), ('b', 'offline')$$, 'after more it is offline'
);
select results_eq(
  $$select kind, agents_count, agent_name from public.incidents as i join public.incident_agents as m on m.incident_id = i.id$$,
  $$values ('offline', 1, 'b')$$, 'an incident opens'
);
select is_empty('select * from pg_temp.deliveries()', 'nobody is told at once: others may follow');
select pg_temp.pass(10, '{a}');
select is_empty('select * from pg_temp.deliveries()', 'nor after 10 s');
select pg_temp.pass(5, '{a}');
select results_eq('select * from pg_temp.deliveries()', $$values ('chat', 'opened', 1)$$, 'but after 15 s');
select pg_temp.pass(300, '{a}', every => 30);
select results_eq('select * from pg_temp.deliveries()', $$values ('chat', 'opened', 1)$$, 'and once');
select pg_temp.pass(5, '{a,b}');
select results_eq(
  'select * from pg_temp.events()', $$values ('b', 'late'), ('b', 'offline'), ('b', 'recovered')$$,
  'an agent that went and came back has both'
);
select is(
  (select detail -> 'after' from public.agent_events where kind = 'recovered'), '"offline"', 'and what it was, is said'
);
select pg_temp.pass(55, '{a,b}');
select is((select closed_at from public.incidents), null, 'its incident lasts for a minute more');
select pg_temp.pass(5, '{a,b}');
select is((select closed_at from public.incidents), (select at from clock), 'and is closed');
select results_eq(
  'select * from pg_temp.deliveries()', $$values ('chat', 'opened', 1), ('chat', 'closed', 1)$$, 'which is told, too'
);
select pg_temp.pass(300, '{a,b}', every => 30);
select is((select count(*) from public.deliveries)::integer, 2, 'once');
select pg_temp.begin_anew();

-- Several callers
set local role service_role;
select public.tick(5, at) from clock;
select public.tick(60, at + interval '10 seconds') from clock;
select is((select every_seconds from public.ticks), 5, 'of several callers, the one that comes most often sets the pace');
select is(
  public.tick(60, at + interval '70 seconds') #>> '{gap,seconds}', '60', 'when it is missing, there is a gap'
) from clock;
select is((select every_seconds from public.ticks), 60, 'and then the pace is the other one''s');
select is(public.tick(60, at + interval '240 seconds'), null, 'which has three of its turns') from clock;
select is(public.tick(5, at + interval '245 seconds'), null, 'when the first one comes again') from clock;
select is((select every_seconds from public.ticks), 5, 'the pace is its own');
reset role;
select pg_temp.begin_anew();

-- The same words as the fleet's
select pg_temp.agents(array['online', 'late', 'offline', 'unhealthy', 'stopped', 'revoked', 'restored', 'late and unhealthy']);
insert into public.agents (name) values ('never seen');
select pg_temp.beat('{unhealthy,late and unhealthy}', 'unhealthy'), pg_temp.beat('{stopped}', 'stopping');
update public.agent_beats as b set last_seen_at = b.last_seen_at - s.ago
  from public.agents as a, (values ('late', interval '90 s'), ('offline', '200 s'), ('revoked', '200 s'),
    ('restored', '200 s'), ('stopped', '200 s'), ('late and unhealthy', '90 s')) as s (name, ago)
  where a.id = b.agent_id and a.name = s.name;
set local role service_role;
select public.revoke_agent(id, null, '{"actor": "server"}') from public.agents where name in ('revoked', 'restored');
select public.restore_agent(id, null, '{"actor": "server"}') from public.agents where name = 'restored';
select public.tick(5);
reset role;
select set_eq(
  'select a.name, t.kind from public.agent_troubles as t join public.agents as a on a.id = t.agent_id',
  $$select name, case when status = 'unhealthy' then status else liveness end from public.fleet
    where liveness in ('late', 'offline') or status = 'unhealthy'$$,
  'what is noted is what the fleet says'
);
select is((select count(*) from public.agent_troubles)::integer, 4, 'of those that are not well, and no others');
select pg_temp.begin_anew();

-- A mass event
insert into public.agents (name, labels)
  select 'web-' || i, jsonb_build_object('site', 'Linz', 'rack', (i % 3)::text) from generate_series(1, 500) as i;
update public.agents set version = '1.2.0';
insert into public.agents (name, labels) values ('db-1', '{"site": "Graz"}');
-- They were cut 185 s ago.
update public.agent_beats set heartbeats_count = 1, status = 'healthy', online_since = now(),
  last_seen_at = now() - interval '125 seconds' - random() * interval '66 seconds';
select pg_temp.channel('all'), pg_temp.channel('Linz', '{"labels": {"rack": "2"}}'),
  pg_temp.channel('Graz', '{"labels": {"site": "Graz"}}'), pg_temp.channel('work', '{"kinds": ["stalled"]}');
select pg_temp.pass(100, '{db-1}', every => 10);
select results_eq(
  'select kind, agents_count, labels, version, changes_count from public.incidents',
  $$values ('offline', 500, '{"site": "Linz"}'::jsonb, '1.2.0', 0)$$,
  '500 agents that are cut at once are one incident, with what they have in common'
);
select is(
  (select public.incident_json(i) ->> 'reason' from public.incidents as i), 'version 1.2.0', 'which the reason says'
);
select set_eq(
  'select channel, type from pg_temp.deliveries()', $$values ('all', 'opened'), ('Linz', 'opened')$$,
  'each channel that it fits is told'
);
select ok(
  (select max(d.created_at) - min(i.opened_at) from public.deliveries as d, public.incidents as i)
    between interval '15 s' and interval '60 s', 'within a minute'
);
select is((select count(*) from public.deliveries)::integer, 2, 'once');
select ok((select min(agents) > 400 from pg_temp.deliveries()), 'when most of them were there');
select is(
  (select jsonb_array_length(public.get_incident(id, null) -> 'agents') from public.incidents), 20, '20 of them are named'
);
update public.agent_beats set last_seen_at = clock.at from clock;
select pg_temp.pass(65);
select set_eq(
  'select channel, type, agents from pg_temp.deliveries() offset 2',
  $$values ('all', 'closed', 500), ('Linz', 'closed', 500)$$,
  'when all are back, each is told once more'
);
select is((select count(*) from public.agent_events where kind = 'offline')::integer, 500, 'each that went');
select is((select count(*) from public.agent_events where kind = 'recovered')::integer, 500, 'came back');
select pg_temp.begin_anew();

-- Which agents are one incident
select pg_temp.agents('{slow-1,slow-2}', seconds => 300);
select pg_temp.pass(300, '{slow-2}', every => 60);
select pg_temp.agents('{a,b}'), pg_temp.agents('{other}', 'a0000000-0000-4000-8000-000000000001');
select pg_temp.pass(60, '{b}', every => 60);
select pg_temp.pass(900, every => 60);
select set_eq(
  $$select i.owner_id is null, array_agg(m.agent_name order by m.agent_name)
    from public.incidents as i join public.incident_agents as m on m.incident_id = i.id group by i.id$$,
  $$values (true, '{a,b}'::text[]), (false, '{other}'), (true, '{slow-1,slow-2}')$$,
  'one owner''s, whose last beats lie within two minutes or their longest interval'
);
select pg_temp.begin_anew();
select pg_temp.agents('{a,b}');
select pg_temp.pass(130, '{b}', every => 10);
select pg_temp.pass(200, every => 10);
select is((select count(*) from public.incidents)::integer, 2, 'and others are two');
select pg_temp.begin_anew();

-- Our own gap
select pg_temp.agents('{a,b,gone}'), pg_temp.channel('chat');
select pg_temp.pass(60, '{a,b,gone}', every => 10);
select pg_temp.pass(100, '{a,b}', every => 10);
select pg_temp.away(1200);
select pg_temp.pass(5);
select results_eq(
  'select extract(epoch from ended_at - began_at)::integer, extract(epoch from excused_until - ended_at)::integer
    from public.server_gaps',
  'values (1205, 306)', 'a time without a tick is noted, with the time that clients take to come back'
);
select pg_temp.pass(100, every => 10);
select results_eq('select * from pg_temp.events()', $$values ('gone', 'late')$$, 'an agent that became late by it has no event');
select is(
  (select public.agent_liveness(
      null, null, b.last_seen_at, b.status, b.back_at, b.busy, b.deadline_from, 60, null, (select at from clock)
    )
    from public.agent_beats as b join public.agents as a on a.id = b.agent_id where a.name = 'a'),
  'late', 'but is late'
);
select pg_temp.pass(400, '{a,b}', every => 20);
select results_eq(
  'select * from pg_temp.events()', $$values ('gone', 'late'), ('gone', 'offline')$$,
  'an agent that was silent before and is after it becomes offline, later'
);
select results_eq('select channel, type, agents from pg_temp.deliveries()', $$values ('chat', 'opened', 1)$$,
  'and is all that anybody is told of');
select pg_temp.begin_anew();

select pg_temp.agents('{a}');
select pg_temp.pass(10, '{a}');
select pg_temp.away(10);
select pg_temp.pass(5, '{a}');
select is_empty('select from public.server_gaps', '15 s without a tick are no gap');
select pg_temp.away(11);
select pg_temp.pass(5, '{a}');
select is((select count(*) from public.server_gaps)::integer, 1, 'more are');
select pg_temp.away(30);
select pg_temp.pass(5, '{a}');
select is(
  (select count(*) from public.server_gaps as g join public.server_gaps as h on h.id > g.id
    and h.began_at < g.excused_until)::integer, 0, 'no time is excused twice'
);
delete from public.server_gaps; delete from public.ticks;
select pg_temp.pass(60, '{a}', every => 60), pg_temp.away(120), pg_temp.pass(60, '{a}', every => 60);
select is_empty('select from public.server_gaps', 'a caller that means to call once a minute may be silent for three');
select pg_temp.begin_anew();

-- More than three in an hour
select pg_temp.agents('{a}'), pg_temp.channel('chat'), pg_temp.channel('not', '{"owner_id": "a0000000-0000-4000-8000-000000000001"}');
select pg_temp.pass(5, '{a}');
select pg_temp.away(60), pg_temp.pass(5, '{a}'), pg_temp.away(60), pg_temp.pass(5, '{a}'), pg_temp.away(60),
  pg_temp.pass(5, '{a}');
select is_empty('select from public.incidents', 'three gaps in an hour are no incident');
select pg_temp.away(120), pg_temp.pass(5, '{a}');
select results_eq(
  'select kind, agents_count, reason from public.incidents',
  $$values ('server', 0, 'the server was away 4 times within an hour')$$, 'four are'
);
select is(
  (select excused_until - ended_at from public.server_gaps order by id desc limit 1), interval '0',
  'from then on only the gap itself is taken off'
);
select pg_temp.pass(20, '{a}');
select results_eq('select * from pg_temp.deliveries()', $$values ('chat', 'opened', 0)$$, 'a channel that sees all is told');
select pg_temp.pass(15, '{a}', every => 15), pg_temp.pass(45, '{a}', every => 45), pg_temp.pass(3600, '{a}', every => 120);
select ok((select closed_at is not null from public.incidents), 'an hour later it is closed');
select results_eq('select type from pg_temp.deliveries()', $$values ('opened'), ('closed')$$, 'which is told');
select pg_temp.begin_anew();

-- A clock that is set
select pg_temp.agents('{a}'), pg_temp.channel('chat');
select pg_temp.pass(60, '{a}', every => 10);
select pg_temp.away(3600);
select pg_temp.pass(60, '{}', every => 10);
select pg_temp.pass(60, '{a}', every => 10);
select is_empty('select * from pg_temp.events()', 'a clock that is set forward makes nobody late');
select pg_temp.away(-3600);
select pg_temp.pass(60, '{}', every => 10);
select is_empty('select * from pg_temp.events()', 'nor one that is set back');
select is((select count(*) from public.server_gaps where began_at > (select at from clock))::integer, 0, 'what was noted of the future is forgotten');
update public.agent_beats set last_seen_at = clock.at - interval '81 s' from clock;
select pg_temp.pass(60, '{}', every => 10);
select is_empty('select * from pg_temp.events()', 'nor when upkeep has corrected what it left');
select pg_temp.pass(900, '{}', every => 30);
select results_eq('select kind from pg_temp.events()', $$values ('late'), ('offline')$$, 'an agent that does not come back is missed all the same');
select pg_temp.begin_anew();

-- Planned absence
select pg_temp.agents('{a}');
select pg_temp.beat('{a}', 'stopping');
select pg_temp.pass(600, every => 30);
select is_empty('select * from pg_temp.events()', 'an agent that said that it stops is not missed');
update public.agent_beats set back_at = clock.at + interval '120 seconds' from clock;
select pg_temp.pass(200, every => 20);
select is_empty('select * from pg_temp.events()', 'nor one that is to be back, and a while after that');
select pg_temp.pass(120, every => 10);
select results_eq('select kind from pg_temp.events()', $$values ('late'), ('offline')$$, 'but then');
select pg_temp.begin_anew();

-- Work that stands still
select pg_temp.agents('{a,b}');
update public.agent_beats set busy = true, deadline_seconds = 60, deadline_from = clock.at
  from clock, public.agents as a where a.id = agent_id and a.name = 'a';
select pg_temp.pass(55, '{a,b}');
select is_empty('select * from pg_temp.events()', 'before its deadline, nothing');
select pg_temp.pass(10, '{a,b}');
select results_eq('select * from pg_temp.events()', $$values ('a', 'stalled')$$, 'after it, it is stalled');
select results_eq('select kind, agents_count from public.incidents', $$values ('stalled', 1)$$, 'which is an incident');
select results_eq(
  $$select e.detail -> 'last_progress_at', e.detail ->> 'last_seen_at' is not null from public.agent_events as e
    where e.kind = 'stalled'$$,
  $$values ('null'::jsonb, true)$$, 'its event says when it was last seen, and that it has told of no progress'
);
update public.agent_beats set deadline_from = clock.at from clock;
select pg_temp.pass(5, '{a,b}');
select results_eq('select * from pg_temp.events()', $$values ('a', 'stalled'), ('a', 'recovered')$$, 'until its work goes on');
select pg_temp.begin_anew();

-- Muted
select pg_temp.agents('{a,b}'), pg_temp.channel('chat');
update public.agents set muted_until = clock.at + interval '1 hour' from clock where name = 'a';
select pg_temp.pass(300, '{b}', every => 30);
select results_eq('select * from pg_temp.events()', $$values ('a', 'late'), ('a', 'offline')$$, 'of a muted agent, events are written');
select is_empty('select from public.incidents', 'but no incident is opened');
update public.agents set muted_until = null;
select pg_temp.pass(5, '{b}');
select is((select agents_count from public.incidents), 1, 'it opens when the agent is not muted any more, and is so still');
update public.agents set muted_until = clock.at + interval '1 hour' from clock where name = 'a';
select pg_temp.pass(65, '{b}');
select ok((select closed_at is not null from public.incidents), 'to mute an agent ends its part in one');
select is_empty('select * from pg_temp.deliveries()', 'what was over before it was told is not told');
select pg_temp.begin_anew();

-- Revoked and deleted
select pg_temp.agents('{a,b,c}');
select pg_temp.pass(200, '{c}', every => 20);
select is((select agents_count from public.incidents), 2, 'two are offline');
set local role service_role;
select public.revoke_agent(id, null, '{"actor": "server"}') from public.agents where name = 'a';
select public.delete_agent(id, null, 'b', '{"actor": "server"}') from public.agents where name = 'b';
reset role;
select pg_temp.pass(65, '{c}');
select ok((select closed_at is not null from public.incidents), 'an agent that is revoked or deleted is missed no more');
select is_empty($$select from pg_temp.events() where kind = 'recovered'$$, 'and has not recovered');
select is_empty('select from public.agent_troubles', 'nothing is left of them');
select results_eq(
  'select agent_name from public.incident_agents order by 1', $$values ('a'), ('b')$$, 'but in the incident'
);
select pg_temp.begin_anew();

-- Flapping
select pg_temp.agents('{a,b}'), pg_temp.channel('chat');
select pg_temp.pass(30, '{a}', 'unhealthy'), pg_temp.pass(30, '{a}'), pg_temp.pass(30, '{a}', 'unhealthy'),
  pg_temp.pass(30, '{a}'), pg_temp.pass(30, '{a}', 'unhealthy'), pg_temp.pass(30, '{a}'),
  pg_temp.pass(30, '{a}', 'unhealthy'), pg_temp.pass(30, '{a}'), pg_temp.pass(30, '{a}', 'unhealthy'),
  pg_temp.pass(30, '{a}');
select results_eq(
  $$select kind, changes_count, agents_count from public.incidents where kind = 'unhealthy'$$,
  $$values ('unhealthy', 4, 1)$$, 'an agent that changes its mind ten times is one incident that says so'
);
select results_eq(
  $$select type from pg_temp.deliveries() where agents = 1 and type = 'opened'$$, $$values ('opened'), ('opened')$$,
  'told once (and of the other one, which is offline)'
);
select pg_temp.begin_anew();

-- Opened again
select pg_temp.agents('{a}'), pg_temp.channel('chat'), pg_temp.channel('patient', '{"after_seconds": 400}');
select pg_temp.pass(20, '{a}', 'unhealthy'), pg_temp.pass(60, '{a}');
select pg_temp.pass(5, '{a}');
select results_eq('select channel, type from pg_temp.deliveries()', $$values ('chat', 'opened'), ('chat', 'closed')$$, 'closed');
select pg_temp.pass(500, '{a}');
select pg_temp.pass(5, '{a}', 'unhealthy');
select results_eq(
  'select closed_at is null, reopened_at is not null, changes_count, agents_count from public.incidents',
  'values (true, true, 1, 1)', 'the same again within ten minutes is the same incident'
);
select pg_temp.pass(295, '{a}', 'unhealthy');
select is((select count(*) from public.deliveries)::integer, 2, 'a channel that was told of its end is not told again');
select pg_temp.pass(5, '{a}', 'unhealthy');
select results_eq(
  'select channel, type from pg_temp.deliveries() offset 2', $$values ('chat', 'opened')$$, 'before five minutes have passed'
);
select is((select count(distinct incident_id) from public.deliveries)::integer, 1, 'under the same id');
select pg_temp.pass(100, '{a}', 'unhealthy', every => 10);
select results_eq(
  'select channel, type from pg_temp.deliveries() offset 3', $$values ('patient', 'opened')$$,
  'a channel that has not been told yet is told once it has lasted for as long as it asked'
);
select pg_temp.pass(65, '{a}');
select set_eq(
  'select channel, type from pg_temp.deliveries() offset 4', $$values ('chat', 'closed'), ('patient', 'closed')$$, 'both are told of its end'
);
select pg_temp.pass(610, '{a}', every => 10), pg_temp.pass(5, '{a}', 'unhealthy');
select is((select count(*) from public.incidents)::integer, 2, 'after ten minutes it is another one');
select pg_temp.begin_anew();

-- What an unhealthy agent says; and that it goes on
select pg_temp.agents('{a,b}');
update public.agent_beats set message = 'disk full' where agent_id in (select id from public.agents where name = 'a');
select pg_temp.pass(5, '{a}', 'unhealthy');
select is((select public.incident_json(i) ->> 'reason' from public.incidents as i), 'disk full', 'the reason is what it said');
select pg_temp.pass(5, '{b}', 'unhealthy');
select is((select public.incident_json(i) ->> 'reason' from public.incidents as i), null, 'unless others say something else');
select results_eq('select * from pg_temp.events()', $$values ('a', 'unhealthy'), ('b', 'unhealthy')$$, 'each has an event');
select pg_temp.pass(300, '{b}', 'unhealthy', every => 30);
select pg_temp.pass(5, '{a,b}', 'unhealthy');
select results_eq(
  $$select kind from pg_temp.events() where name = 'a'$$,
  $$values ('unhealthy'), ('offline'), ('recovered'), ('unhealthy')$$, 'an agent that goes offline and comes back as it was has both, too'
);
select pg_temp.begin_anew();

-- Copies
select pg_temp.agents('{a}');
update public.agent_beats set copies = array[gen_random_uuid()];
select pg_temp.pass(5, '{a}');
select results_eq('select kind, agents_count from public.incidents', $$values ('copy', 1)$$, 'a copy is an incident');
select is_empty('select * from pg_temp.events()', 'whose event the beat wrote');
update public.agent_beats set copies = '{}';
select pg_temp.pass(65, '{a}');
select ok((select closed_at is not null from public.incidents), 'until it is gone');
select pg_temp.begin_anew();

-- Reminders, and who is told
select pg_temp.agents('{a}', 'a0000000-0000-4000-8000-000000000001'),
  pg_temp.channel('own', '{"owner_id": "a0000000-0000-4000-8000-000000000001", "remind_after_seconds": 300}'),
  pg_temp.channel('off', '{"enabled": false}');
select pg_temp.pass(20, '{a}', 'unhealthy');
update public.deliveries set state = 'delivered', delivered_at = now();
select pg_temp.pass(290, '{a}', 'unhealthy', every => 10);
select is((select count(*) from public.deliveries)::integer, 1, 'no reminder before its time');
select pg_temp.pass(10, '{a}', 'unhealthy');
select results_eq('select channel, type from pg_temp.deliveries()', $$values ('own', 'opened'), ('own', 'reminder')$$, 'one at its time');
select pg_temp.pass(600, '{a}', 'unhealthy', every => 30);
select is((select count(*) from public.deliveries)::integer, 2, 'no other one while that waits');
update public.deliveries set state = 'delivered', delivered_at = now();
set local role service_role;
select is(
  (select public.acknowledge_incident(id, 'b0000000-0000-4000-8000-000000000002', '{"actor": "server"}') from public.incidents), null,
  'a stranger acknowledges nothing'
);
select is((select acknowledged_at from public.incidents), null, 'and nothing is changed');
create temporary table said as select public.acknowledge_incident(
  id, 'a0000000-0000-4000-8000-000000000001', '{"actor": "user:a0000000-0000-4000-8000-000000000001", "address": "192.0.2.1"}'
) as reply from public.incidents;
select is(
  (select reply ->> 'acknowledged_by' from said), 'user:a0000000-0000-4000-8000-000000000001', 'its owner does'
);
select results_eq(
  $$select owner_id::text, agent_id, actor, address, detail ->> 'kind' from public.agent_events where kind = 'incident_acknowledged'$$,
  $$values ('a0000000-0000-4000-8000-000000000001', null::uuid, 'user:a0000000-0000-4000-8000-000000000001', '192.0.2.1', 'unhealthy')$$,
  'an event says who'
);
select is(
  (select public.acknowledge_incident(id, null, '{"actor": "key:default"}') ->> 'acknowledged_by' from public.incidents),
  'user:a0000000-0000-4000-8000-000000000001', 'the second time changes nothing'
);
reset role;
select pg_temp.pass(600, '{a}', 'unhealthy', every => 30);
select is((select count(*) from public.deliveries)::integer, 2, 'no reminder comes after that');
update public.deliveries set state = 'failed', delivered_at = null where type = 'opened';
select pg_temp.pass(65, '{a}');
select is((select count(*) from public.deliveries)::integer, 2, 'never an end without its beginning');
select pg_temp.begin_anew();

-- A channel that is disabled before a beginning has left, and enabled again
create function pg_temp.enable(is_on boolean) returns void language sql as $$
  update public.channels set enabled = is_on;
  update public.channels set enabled_at = clock.at from clock where is_on;
$$;
create function pg_temp.states() returns table (type text, state text) language sql as $$
  select d.type, d.state from public.deliveries as d order by d.place
$$;
select pg_temp.agents('{a}'), pg_temp.channel('chat');
select pg_temp.pass(20, '{a}', 'unhealthy');
select pg_temp.enable(false);
select pg_temp.pass(10, '{a}', 'unhealthy');
select results_eq('select * from pg_temp.states()', $$values ('opened', 'failed')$$, 'a channel that is disabled is told nothing');
select pg_temp.enable(true);
select pg_temp.pass(15, '{a}', 'unhealthy');
select results_eq(
  'select * from pg_temp.states()', $$values ('opened', 'failed'), ('opened', 'pending')$$,
  'once it is enabled again, what is still so is told'
);
update public.deliveries set state = 'delivered', delivered_at = now() where state = 'pending';
select pg_temp.enable(false);
select pg_temp.pass(10, '{a}', 'unhealthy');
select pg_temp.enable(true);
select pg_temp.pass(10, '{a}', 'unhealthy');
select is((select count(*) from public.deliveries)::integer, 2, 'and not again, when it was told');
select pg_temp.pass(65, '{a}');
select results_eq(
  'select * from pg_temp.states()', $$values ('opened', 'failed'), ('opened', 'delivered'), ('closed', 'pending')$$, 'then its end'
);
select pg_temp.begin_anew();
select pg_temp.agents('{a}'), pg_temp.channel('chat');
select pg_temp.pass(20, '{a}', 'unhealthy');
select pg_temp.enable(false);
select pg_temp.pass(65, '{a}');
select pg_temp.enable(true);
select pg_temp.pass(30, '{a}');
select results_eq('select * from pg_temp.states()', $$values ('opened', 'failed')$$, 'what is over by then is not told');
select pg_temp.begin_anew();

-- Lists
insert into public.incidents (kind, opened_at, joined_at, owner_id, quiet_since, closed_at) values
  ('offline', now() - interval '3 s', now(), null, null, null),
  ('stalled', now() - interval '2 s', now(), 'a0000000-0000-4000-8000-000000000001', now(), now()),
  ('unhealthy', now() - interval '1 s', now(), 'a0000000-0000-4000-8000-000000000001', null, null);
set local role service_role;
create function pg_temp.listed(owner uuid, state text, page_limit integer, after jsonb default null) returns text[] language sql as $$
  select array_agg(r.value ->> 'kind' order by r.place)
  from jsonb_array_elements(public.list_incidents(owner, state, page_limit, after) -> 'rows') with ordinality as r (value, place)
$$;
select is(pg_temp.listed(null, null, 3), '{unhealthy,stalled,offline}', 'the last opened comes first');
select is(pg_temp.listed('a0000000-0000-4000-8000-000000000001', null, 3), '{unhealthy,stalled}', 'an owner has their own');
select is(pg_temp.listed(null, 'open', 3), '{unhealthy,offline}', 'those that are open');
select is(pg_temp.listed(null, 'closed', 3), '{stalled}', 'or closed');
select is(
  pg_temp.listed(null, null, 3, public.list_incidents(null, null, 1, null) -> 'next'), '{stalled,offline}',
  'page by page'
);
select is(
  (select public.get_incident(id, 'b0000000-0000-4000-8000-000000000002') from public.incidents where kind = 'offline'),
  null, 'another owner sees none'
);
reset role;
update public.incidents set closed_at = now() - interval '401 days', quiet_since = now() where kind = 'stalled';
set local role service_role;
select is(public.remove_old_incidents(), 1, 'what was closed 400 days ago is removed');

select finish();
rollback;
