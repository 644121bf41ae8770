-- record_ordinary_heartbeats: which beats it takes, and that it leaves all others as they were.
begin;
select no_plan();

insert into public.agents (id, name, heartbeat_interval_seconds) values ('a1000000-0000-4000-8000-000000000001', 'a', 60);

create table pg_temp.beats (
  what text not null,
  -- How its row differs from that of an agent with the beat before.
  kept text,
  status text not null default 'healthy',
  epoch integer not null default 1,
  instance uuid default '11111111-0000-4000-8000-000000000001',
  seq bigint default 8,
  busy boolean,
  progress bigint,
  back_in integer,
  metrics text not null default '{"load_1m": 1}'
);
-- Makes the row as it is before the beat.
create function pg_temp.keep(b beats) returns void language plpgsql as $$
begin
  update public.agent_beats set
    session_epoch = 1, rotation_requested_at = null, adopting_instances = '{}', revoked_instances = '{}',
    last_seen_at = now() - interval '60 seconds', online_since = now() - interval '1 day', heartbeats_count = 7,
    status = 'degraded', message = 'before', metrics = '{}', clock_offset_seconds = 3,
    last_instance_id = '11111111-0000-4000-8000-000000000001', last_seq = 7, busy = null, progress = null,
    last_progress_at = null, deadline_from = now() - interval '1 hour', back_at = null, deadline_seconds = null;
  if b.kept is not null then
    execute 'update public.agent_beats set ' || b.kept;
  end if;
end
$$;
create function pg_temp.beat(b beats) returns jsonb language sql as $$
  select public.record_ordinary_heartbeats(
    '{a1000000-0000-4000-8000-000000000001}', array[b.epoch], array[b.status], '{null}', array[b.metrics], array[b.instance],
    array[b.seq], '{null}', array[b.busy], array[b.progress], array[b.back_in]
  )
$$;
create function pg_temp.ask(b beats) returns jsonb language plpgsql as $$
begin
  perform pg_temp.keep(b);
  return pg_temp.beat(b);
end
$$;
create function pg_temp.row_now() returns text language sql as $$
  select concat_ws(' ', heartbeats_count, status, message, metrics, last_seq, clock_offset_seconds, busy, progress,
    last_seen_at = now(), last_progress_at = now(), deadline_from = now())
  from public.agent_beats
$$;

-- Taken
insert into beats (what, kept) values
  ('the next beat', null),
  ('one that is late, but in time', 'last_seen_at = now() - interval ''81 seconds'''),
  ('one of an agent with a copy that is refused', 'revoked_instances = ''{22222222-0000-4000-8000-000000000002}'''),
  ('one that was stamped by a clock ahead of this one', 'last_seen_at = now() + interval ''5 seconds''');
select is(pg_temp.ask(b), '{"1": 60}', b.what) from beats as b;
select is(pg_temp.ask(b), '{"1": 60}', 'a beat') from beats as b where b.kept is null;
select is(pg_temp.row_now(), '8 healthy {"load_1m": 1} 8 3 t f', 'changes what it says, and keeps what it does not');
select is(
  pg_temp.ask(row('', null, 'unhealthy', 1, '11111111-0000-4000-8000-000000000001', 9, true, 5, null, '{}')::beats),
  '{"1": 60}', 'one that tells of work'
);
select is(pg_temp.row_now(), '8 unhealthy {} 9 3 t 5 t t t', 'begins it');
select is(
  pg_temp.ask(row(
    '', 'busy = true, progress = 5, deadline_seconds = 3601, last_progress_at = now() - interval ''1 hour''',
    'healthy', 1, '11111111-0000-4000-8000-000000000001', 9, true, 5, null, '{}'
  )::beats),
  '{"1": 60}', 'one whose work has not moved, within its deadline'
);
select is(pg_temp.row_now(), '8 healthy {} 9 3 t 5 t f f', 'moves neither');
select is(
  pg_temp.ask(row(
    '', 'busy = true, progress = 5, last_progress_at = now() + interval ''1 hour'', deadline_from = now() + interval ''1 hour''',
    'healthy', 1, '11111111-0000-4000-8000-000000000001', 9, true, 5, null, '{}'
  )::beats),
  '{"1": 60}', 'one after a clock that was ahead'
);
select is(pg_temp.row_now(), '8 healthy {} 9 3 t 5 t t t', 'leaves no time that is to come');
select is(
  pg_temp.ask(row('', 'last_instance_id = null, last_seq = null', 'healthy', 1, null, null, null, null, null, '{}')::beats),
  '{"1": 60}', 'one of an agent that tells no instance'
);

-- Left
truncate beats;
insert into beats (what, kept) values
  ('the first one', 'last_seen_at = null, heartbeats_count = 0, status = null, online_since = null'),
  ('one while the agent is asked to rotate', 'rotation_requested_at = now()'),
  ('one while a copy is asked for a handshake', 'adopting_instances = ''{22222222-0000-4000-8000-000000000002}'''),
  ('one of a copy that is refused', 'revoked_instances = ''{11111111-0000-4000-8000-000000000001}'''),
  ('one after a stop', 'status = ''stopping'''),
  ('one after a silence', 'last_seen_at = now() - interval ''82 seconds'''),
  ('one of an agent that was restored', 'online_since = null'),
  ('one after a clock that was ahead', 'last_seen_at = now() + interval ''6 seconds'''),
  ('one of an agent that was stalled', 'busy = true, deadline_seconds = 3600');
insert into beats (what, status) values ('a stop', 'stopping');
insert into beats (what, epoch) values ('one of a session that was ended', 0), ('one of a later session', 2);
insert into beats (what, instance) values ('one of another start', '22222222-0000-4000-8000-000000000002'), ('one of no start', null);
insert into beats (what, seq) values ('one that was overtaken', 6), ('one that was sent twice', 7);
insert into beats (what, back_in) values ('one that says when it is back', 60);
insert into beats (what, metrics) values ('one with metrics that are no numbers', '{"load_1m": "high"}'), ('one with no JSON', '{');
insert into beats (what, status) values ('one with an unknown status', 'fine');
create function pg_temp.changes(b beats) returns text language plpgsql as $$
declare
  before text;
  history bigint := (select count(*) from public.history_beats);
begin
  perform pg_temp.keep(b);
  select a::text into before from public.agent_beats as a;
  return concat_ws(', ',
    pg_temp.beat(b),
    case when before <> (select a::text from public.agent_beats as a) then 'the row' end,
    case when history <> (select count(*) from public.history_beats) then 'the history' end
  );
end
$$;
select is(pg_temp.changes(b), '', b.what || ' is left') from beats as b;
select is(
  public.record_ordinary_heartbeats('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'), null, 'of none, none'
);

-- Of one that breaks a constraint, the whole list is left
insert into public.agents (id, name) values ('b1000000-0000-4000-8000-000000000002', 'b');
truncate beats;
insert into beats (what) values ('the next beat');
select is(pg_temp.ask(b), '{"1": 60}', 'a beat of one of two such agents') from beats as b;
select is(
  public.record_ordinary_heartbeats(
    '{b1000000-0000-4000-8000-000000000002, a1000000-0000-4000-8000-000000000001}', '{1, 1}', array['healthy', status],
    '{null, null}', '{"{}", "{}"}',
    '{11111111-0000-4000-8000-000000000001, 11111111-0000-4000-8000-000000000001}', '{9, 9}', '{null, null}', '{null, null}',
    '{null, null}', '{null, null}'
  ), reply, 'both, the second of them ' || status
) from (values ('fine', null), ('degraded', '{"1": 60, "2": 60}'::jsonb)) as two (status, reply);

-- The service role's
set local role service_role;
select is(
  public.record_ordinary_heartbeats(
    '{a1000000-0000-4000-8000-000000000001}', '{1}', '{healthy}', '{null}', '{"{}"}',
    '{11111111-0000-4000-8000-000000000001}', '{10}', '{null}', '{null}', '{null}', '{null}'
  ), '{"1": 60}', 'the service role may call it, and its beat is recorded'
);
select * from finish();
rollback;
