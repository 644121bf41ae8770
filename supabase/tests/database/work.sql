-- What a beat says of work, what the row keeps of it, and since when its deadline counts.
begin;
select no_plan();

create function pg_temp.id(agent text) returns uuid language sql as $$
  select id from public.agents where name = agent
$$;
create function pg_temp.instance(letter text) returns uuid language sql as $$
  select (to_hex(ascii(letter)) || '000000-0000-4000-8000-000000000000')::uuid
$$;
-- One beat. `said`: the instance's letter and its seq, then what it says of work: "A1 busy 7", "A2 idle", "A3", "A4 stopping 120".
create function pg_temp.beat(agent text, said text) returns jsonb language sql as $$
  select public.record_heartbeats(
    array[pg_temp.id(agent)], array[1], array[case when words[2] = 'stopping' then 'stopping' else 'healthy' end],
    array[null], array['{}'], array[pg_temp.instance(left(words[1], 1))], array[substr(words[1], 2)::bigint],
    array[null]::integer[],
    array[case words[2] when 'busy' then true when 'idle' then false end],
    array[case when words[2] in ('busy', 'idle') then words[3]::bigint end],
    array[case when words[2] in ('stopping', 'back') then words[3]::integer end]
  )
  from (select string_to_array(said, ' ') as words) as w
$$;
-- As if the given time had passed since all that is on the row.
create function pg_temp.pass(agent text, passed interval) returns void language sql as $$
  update public.agent_beats set last_seen_at = last_seen_at - passed, online_since = online_since - passed,
    last_progress_at = last_progress_at - passed, deadline_from = deadline_from - passed, back_at = back_at - passed
    where agent_id = pg_temp.id(agent)
$$;
create function pg_temp.said(agent text) returns text language sql as $$
  select concat_ws(' ', busy, progress, 'progress ' || (now() - last_progress_at), 'deadline ' || (now() - deadline_from),
    'back in ' || (back_at - now()))
  from public.agent_beats where agent_id = pg_temp.id(agent)
$$;
create function pg_temp.liveness(agent text) returns text language sql as $$
  select liveness || ' for ' || (now() - liveness_since) from public.fleet where name = agent
$$;
insert into public.agents (name, progress_deadline_seconds) values
  ('a', 600), ('b', 600), ('c', 600), ('d', null), ('e', 600), ('f', 600), ('g', 600), ('h', 600);
select is(
  array_agg(deadline_seconds order by name), array[600, 600, 600, null, 600, 600, 600, 600],
  'the beats of a new agent know its deadline'
) from public.agents join public.agent_beats on agent_id = id;

-- What is kept
select is(pg_temp.beat('a', 'A1 busy 7'), '[60]', 'a beat tells of work');
select is(pg_temp.said('a'), 't 7 progress 00:00:00 deadline 00:00:00', 'it is noted, with when');
select lives_ok($$select pg_temp.pass('a', '60 s'), pg_temp.beat('a', 'A2 busy 7')$$, 'the same number again');
select is(pg_temp.said('a'), 't 7 progress 00:01:00 deadline 00:01:00', 'is no progress');
select lives_ok($$select pg_temp.pass('a', '60 s'), pg_temp.beat('a', 'A3 busy 6')$$, 'a lower one');
select is(pg_temp.said('a'), 't 6 progress 00:00:00 deadline 00:00:00', 'is progress: an agent counts as it likes');
select lives_ok($$select pg_temp.pass('a', '60 s'), pg_temp.beat('a', 'A2 busy 9')$$, 'a beat that was overtaken');
select is(pg_temp.said('a'), 't 6 progress 00:01:00 deadline 00:01:00', 'unsays nothing of work');
select lives_ok($$select pg_temp.beat('a', 'A4 busy')$$, 'a beat without a number');
select is(pg_temp.said('a'), 't 6 progress 00:01:00 deadline 00:01:00', 'leaves the last one');
select lives_ok($$select pg_temp.beat('a', 'A5')$$, 'a beat without work');
select is(pg_temp.said('a'), '6 progress 00:01:00 deadline 00:01:00', 'sets busy to null, and nothing else');
select lives_ok($$select pg_temp.beat('a', 'A6 busy 6')$$, 'an agent that is busy again');
select is(pg_temp.said('a'), 't 6 progress 00:01:00 deadline 00:00:00', 'has its deadline anew, without progress');
select lives_ok($$select pg_temp.pass('a', '60 s'), pg_temp.beat('a', 'B1 busy 6')$$, 'another instance with the same number');
select is(pg_temp.said('a'), 't 6 progress 00:02:00 deadline 00:00:00', 'has its deadline anew, without progress');
select lives_ok($$select pg_temp.beat('a', 'B2 busy 9007199254740991'), pg_temp.beat('a', 'B3 busy -9007199254740991')$$, 'the greatest and the least number');
select throws_ok($$select pg_temp.beat('a', 'B4 busy 9007199254740992')$$, '23514', null, 'a number that JSON cannot carry is refused');
select throws_ok($$select pg_temp.beat('a', 'B4 busy -9007199254740992')$$, '23514', null, 'and so is one below');

-- Stalled and online, since when
select lives_ok($$select pg_temp.beat('b', 'A1 busy 1'), pg_temp.pass('b', '599.999 s'), pg_temp.beat('b', 'A2 busy 1')$$, 'just within the deadline');
select matches(pg_temp.liveness('b'), '^online ', 'an agent is online');
select lives_ok(
  $$select pg_temp.pass('b', '60.001 s'), pg_temp.beat('b', 'A3 busy 1')$$, 'a minute after it, still beating, still without progress'
);
select is(pg_temp.liveness('b'), 'stalled for 00:01:00', 'it is stalled since its deadline');
select is(
  public.get_agent(pg_temp.id('b'), null) - 'id' @> '{"liveness": "stalled", "busy": true, "status": "healthy"}', true, 'the Agent says so'
);
select is(public.count_agents() -> 'stalled', '1', 'it counts as that');
select is(
  public.list_agents(null, '{"liveness": ["stalled"], "labels": [], "search": null}', 'trouble', 10, null)
    #>> '{rows,0,name}', 'b', 'and it is listed as that'
);
select lives_ok($$select pg_temp.beat('b', 'A4 busy 2')$$, 'with progress');
select is(pg_temp.liveness('b'), 'online for 00:00:00', 'it is online again, since now');
select lives_ok($$select pg_temp.pass('b', '60 s'), pg_temp.beat('b', 'A5 busy 3')$$, 'and with more of it');
select is(pg_temp.liveness('b'), 'online for 00:01:00', 'goes on to be');
select lives_ok(
  $$select pg_temp.pass('b', '600 s'), pg_temp.beat('b', 'A6 busy 3'), pg_temp.pass('b', '60 s'), pg_temp.beat('b', 'A7 busy 3')$$,
  'after a silence beyond late, in which nothing moved'
);
select is(pg_temp.liveness('b'), 'stalled for 00:01:00', 'it is stalled since it was back');
select lives_ok($$select pg_temp.beat('b', 'A6 busy 9')$$, 'a beat that was overtaken');
select is(pg_temp.liveness('b'), 'stalled for 00:01:00', 'ends no stall');

-- What ends a stall
create function pg_temp.stall(agent text) returns text language sql as $$
  select pg_temp.beat(agent, 'A1 busy 1'), pg_temp.pass(agent, '630 s'), pg_temp.beat(agent, 'A2 busy 1'),
    pg_temp.pass(agent, '30 s'), pg_temp.beat(agent, 'A3 busy 1');
  select pg_temp.liveness(agent)
$$;
select is(pg_temp.stall('c'), 'stalled for 00:00:30', 'work stands still');
select lives_ok($$select pg_temp.beat('c', 'A4 idle')$$, 'it is done');
select is(pg_temp.liveness('c'), 'online for 00:00:00', 'an agent that is idle is not stalled');
select is(pg_temp.stall('d'), 'online for 00:00:30', 'without a deadline no agent is');
select is(pg_temp.stall('e'), 'stalled for 00:00:30', 'work stands still');
select lives_ok($$select pg_temp.beat('e', 'B1 busy 1')$$, 'its agent starts anew');
select is(pg_temp.liveness('e'), 'online for 00:00:00', 'which starts its deadline anew');
select is(pg_temp.stall('f'), 'stalled for 00:00:30', 'work stands still');
select lives_ok(
  $$select public.edit_agent(pg_temp.id('f'), null, '{"progress_deadline_seconds": 900}', '{"actor": "key:default"}')$$,
  'its deadline is set'
);
select is(pg_temp.liveness('f'), 'online for 00:00:00', 'which starts it anew');
select is((select deadline_seconds from public.agent_beats where agent_id = pg_temp.id('f')), 900, 'the beats know it');
select lives_ok(
  $$select pg_temp.pass('f', '60 s'), pg_temp.beat('f', 'A4 busy 1'),
    public.edit_agent(pg_temp.id('f'), null, '{"progress_deadline_seconds": 901}', '{"actor": "key:default"}')$$,
  'set once more, of an agent that is not stalled'
);
select is(pg_temp.liveness('f') || ', ' || pg_temp.said('f'),
  'online for 00:01:00, t 1 progress 00:12:00 deadline 00:00:00', 'it counts from now, and the agent is online as before');
select lives_ok(
  $$select public.edit_agent(pg_temp.id('f'), null, '{"progress_deadline_seconds": null}', '{"actor": "key:default"}')$$, 'taken away'
);
select is((select deadline_seconds from public.agent_beats where agent_id = pg_temp.id('f')), null, 'the beats know that, too');

-- A clock that was ahead
select lives_ok($$select pg_temp.beat('g', 'A1 busy 1'), pg_temp.pass('g', '-1 hour'), pg_temp.beat('g', 'A2 busy 1')$$, 'a row of the future is beaten for');
select is(pg_temp.said('g'), 't 1 progress 00:00:00 deadline 00:00:00', 'and has nothing of the future any more');

-- Planned absence
select is(pg_temp.beat('h', 'A1 stopping 120'), '[60]', 'an agent stops, and names when it is back');
select is(pg_temp.said('h'), 'deadline 00:00:00 back in 00:02:00', 'which is noted');
select lives_ok($$select pg_temp.beat('h', 'A0 busy 1')$$, 'a beat that was overtaken');
select is(pg_temp.said('h'), 'deadline 00:00:00 back in 00:02:00', 'unsays it not');
select lives_ok($$select pg_temp.pass('h', '200 s')$$, 'the last of the time that it is given');
select is(pg_temp.liveness('h'), 'stopped for 00:03:20', 'it has stopped');
select lives_ok($$select pg_temp.pass('h', '2 s')$$, 'a second past that');
select is(pg_temp.liveness('h'), 'late for 00:00:01', 'it is late');
select lives_ok($$select pg_temp.beat('h', 'B1 back 300')$$, 'it is back, and says how long a stop of it would take');
select is(pg_temp.liveness('h') || ', ' || pg_temp.said('h'), 'online for 00:00:00, deadline 00:00:00', 'it is online, and not away');
select lives_ok($$select pg_temp.beat('h', 'B2 stopping')$$, 'it stops for good');
select is(pg_temp.said('h'), 'deadline 00:00:00', 'and is not expected back');

select is(
  pg_stat_get_xact_tuples_hot_updated('public.agent_beats'::regclass) + 1 > pg_stat_get_xact_tuples_updated('public.agent_beats'::regclass) * 9 / 10,
  true, 'beats with work stay on their page'
);
select finish();
rollback;
