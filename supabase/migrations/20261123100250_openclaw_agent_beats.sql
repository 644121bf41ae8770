create domain public.session_epoch as integer
  constraint session_epoch_is_positive check (value >= 1);
comment on domain public.session_epoch is 'Which sessions of an agent hold: those that were opened in it.';

create domain public.few_instances as uuid[]
  constraint instances_are_at_most_eight check (cardinality(value) <= 8);
comment on domain public.few_instances is 'Some of the eight instances of an agent that are kept.';

create domain public.agent_status as text
  constraint status_is_one_of_four check (value in ('healthy', 'degraded', 'unhealthy', 'stopping'));
comment on domain public.agent_status is 'What an agent says of itself.';

create domain public.beat_message as text
  constraint message_is_at_most_500_characters_and_newlines
    check (char_length(value) <= 500 and value !~ '[\u0001-\u0009\u000b-\u001f\u007f-\u009f]');
comment on domain public.beat_message is 'What an agent says beside its status: text of some lines.';

-- 32 keys of 63 characters, the most that the contract has, take less.
create domain public.beat_metrics as jsonb
  constraint metrics_are_numbers_of_at_most_4_kib check (
    jsonb_typeof(value) = 'object' and pg_column_size(value) <= 4096
    and not jsonb_path_exists(value, '$.* ? (@.type() != "number")')
  );
comment on domain public.beat_metrics is 'The numbers of a beat, by name.';

create domain public.beat_seq as bigint
  constraint last_seq_is_a_whole_number_that_json_can_carry check (value between 0 and 9007199254740991);
comment on domain public.beat_seq is 'Which beat of its instance it is.';

create domain public.work_progress as bigint
  constraint progress_is_a_whole_number_that_json_can_carry
    check (value between -9007199254740991 and 9007199254740991);
comment on domain public.work_progress is 'Whatever an agent counts of its work.';

-- What a heartbeat reads and changes, in a narrow row beside the agent's: a beat touches no other one. The handler has
-- read what is written here, and only the two functions that record beats write it; so it is checked once more by what
-- costs little. Room on every page, and no index on what a beat changes, keep an update on its page (a HOT update).
--
-- Who changes both rows locks the agent's first, and then this one; who changes several, in the order of their ids.
create table public.agent_beats (
  agent_id uuid primary key references public.agents (id) on delete cascade,
  interval_seconds integer not null,
  session_epoch public.session_epoch not null default 1,
  rotation_requested_at timestamptz,
  copies public.few_instances not null default '{}',
  adopting_instances public.few_instances not null default '{}',
  revoked_instances public.few_instances not null default '{}',
  last_seen_at timestamptz,
  online_since timestamptz,
  heartbeats_count bigint not null default 0,
  status public.agent_status,
  message public.beat_message,
  metrics public.beat_metrics not null default '{}',
  clock_offset_seconds integer,
  last_instance_id uuid,
  last_seq public.beat_seq,
  progress public.work_progress,
  last_progress_at timestamptz,
  deadline_from timestamptz,
  back_at timestamptz,
  deadline_seconds integer,
  busy boolean,
  constraint an_agent_that_was_seen_has_beaten check (
    (last_seen_at is null) = (heartbeats_count = 0) and (status is null) = (heartbeats_count = 0)
    and heartbeats_count >= 0
  )
) with (fillfactor = 50);

create index agent_beats_with_copies on public.agent_beats (agent_id)
  where copies <> '{}' or adopting_instances <> '{}';

comment on table public.agent_beats is
  'What each agent''s heartbeats read and change, one row for each agent, made with it. The view fleet shows it beside the agent. Written only by the service role''s functions.';
comment on column public.agent_beats.agent_id is 'The agent, with which this row goes.';
comment on column public.agent_beats.interval_seconds is
  'The agent''s heartbeat_interval_seconds, kept equal by a trigger: a beat reads no other row.';
comment on column public.agent_beats.session_epoch is
  'Every session carries the epoch that it was opened in; raising it ends them all with their next heartbeat.';
comment on column public.agent_beats.rotation_requested_at is
  'Since when the agent''s beats are answered with a request to rotate; null once it has rotated.';
comment on column public.agent_beats.copies is
  'The instances that were seen to be copies of another one, until upkeep lets them go a day after their last beat.';
comment on column public.agent_beats.adopting_instances is
  'The copies whose next handshake gets an identity of its own. Their beats are answered with a request for one.';
comment on column public.agent_beats.revoked_instances is
  'The copies that are refused, the last eight of them. In this row, so that a beat that waited for it sees them.';
comment on column public.agent_beats.last_seen_at is
  'When the last heartbeat was recorded, by the database''s clock. A handshake does not move it.';
comment on column public.agent_beats.online_since is
  'Since when it has beaten without a silence that made it late, and its work has moved; set by the first beat after either. Null once it is revoked.';
comment on column public.agent_beats.heartbeats_count is 'How many heartbeats were recorded.';
comment on column public.agent_beats.status is
  'What the agent said of itself last; null before its first heartbeat.';
comment on column public.agent_beats.message is 'What it said beside its status, or null.';
comment on column public.agent_beats.metrics is 'The numbers that it sent last, by name.';
comment on column public.agent_beats.clock_offset_seconds is
  'How far the agent''s clock was ahead of the database''s (behind: below 0) at the last beat that told its time.';
comment on column public.agent_beats.last_instance_id is 'The start of the agent''s process that beat last, if it said.';
comment on column public.agent_beats.last_seq is
  'The highest seq of last_instance_id: a beat that was overtaken counts, but does not unsay what came after it.';
comment on column public.agent_beats.progress is 'The last number that its work was told by, whatever the agent counts.';
comment on column public.agent_beats.last_progress_at is 'When that number was first told, or last another one than before.';
comment on column public.agent_beats.deadline_from is
  'From when the deadline of its work counts: the last time that its progress changed, that it became busy, that another instance began, or that the deadline was set.';
comment on column public.agent_beats.back_at is
  'When it means to be back, if its last beat said that it stops, and for how long.';
comment on column public.agent_beats.deadline_seconds is
  'The agent''s progress_deadline_seconds, kept equal as interval_seconds is.';
comment on column public.agent_beats.busy is
  'Whether it had work at its last beat; null where that said nothing of work.';

alter table public.agent_beats enable row level security;
revoke all on public.agent_beats from public, anon, authenticated, service_role;

create policy "owners read what their own agents' beats said"
  on public.agent_beats for select to authenticated
  using (agent_id in (select a.id from public.agents as a where a.owner_id = (select auth.uid())));
grant select (
  agent_id, interval_seconds, rotation_requested_at, copies, adopting_instances, revoked_instances, last_seen_at,
  online_since, heartbeats_count, status, message, metrics, clock_offset_seconds, last_instance_id, last_seq,
  progress, last_progress_at, deadline_from, back_at, deadline_seconds, busy
) on public.agent_beats to authenticated;

create policy "the service role sees what every agent's beats said"
  on public.agent_beats for select to service_role using (true);
create policy "the service role adds a row with each agent"
  on public.agent_beats for insert to service_role with check (true);
create policy "the service role records beats, and what they are to read"
  on public.agent_beats for update to service_role using (true) with check (true);
grant select on public.agent_beats to service_role;
grant insert (agent_id, interval_seconds, deadline_seconds) on public.agent_beats to service_role;
grant update (
  interval_seconds, session_epoch, rotation_requested_at, copies, adopting_instances, revoked_instances, last_seen_at,
  online_since, heartbeats_count, status, message, metrics, clock_offset_seconds, last_instance_id, last_seq,
  progress, last_progress_at, deadline_from, back_at, deadline_seconds, busy
) on public.agent_beats to service_role;
-- Not granted: session_epoch to authenticated; delete, to anybody: a row goes with its agent.

create function public.add_agent_beats()
  returns trigger language plpgsql volatile set search_path = '' as $$
begin
  insert into public.agent_beats (agent_id, interval_seconds, deadline_seconds)
    values (new.id, new.heartbeat_interval_seconds, new.progress_deadline_seconds);
  return null;
end
$$;
comment on function public.add_agent_beats() is 'Adds the row that a new agent''s beats change.';
revoke all on function public.add_agent_beats() from public, anon, authenticated;
grant execute on function public.add_agent_beats() to service_role;
create trigger agent_has_a_row_for_its_beats
  after insert on public.agents
  for each row execute function public.add_agent_beats();

create function public.carry_interval()
  returns trigger language plpgsql volatile set search_path = '' as $$
begin
  update public.agent_beats as b set interval_seconds = new.heartbeat_interval_seconds where b.agent_id = new.id;
  return null;
end
$$;
comment on function public.carry_interval() is 'Tells the agent''s beats its new interval.';
revoke all on function public.carry_interval() from public, anon, authenticated;
grant execute on function public.carry_interval() to service_role;
create trigger beats_know_the_interval
  after update of heartbeat_interval_seconds on public.agents
  for each row when (old.heartbeat_interval_seconds <> new.heartbeat_interval_seconds)
  execute function public.carry_interval();

create function public.begin_deadline()
  returns trigger language plpgsql volatile set search_path = '' as $$
begin
  update public.agent_beats as b set
      deadline_seconds = new.progress_deadline_seconds,
      deadline_from = now(),
      online_since = case
        when public.agent_liveness(
          old.revoked_at, old.restored_at, b.last_seen_at, b.status, b.back_at, b.busy, b.deadline_from,
          old.heartbeat_interval_seconds, old.progress_deadline_seconds
        ) = 'stalled' then now()
        else b.online_since
      end
    where b.agent_id = new.id;
  return null;
end
$$;
comment on function public.begin_deadline() is 'Tells the agent''s beats its new deadline, which counts from now.';
revoke all on function public.begin_deadline() from public, anon, authenticated;
grant execute on function public.begin_deadline() to service_role;
create trigger beats_know_the_deadline
  after update of progress_deadline_seconds on public.agents
  for each row when (old.progress_deadline_seconds is distinct from new.progress_deadline_seconds)
  execute function public.begin_deadline();

create function public.end_sessions_of_revoked()
  returns trigger language plpgsql volatile set search_path = '' as $$
begin
  update public.agent_beats as b set session_epoch = b.session_epoch + 1, online_since = null where b.agent_id = new.id;
  return null;
end
$$;
comment on function public.end_sessions_of_revoked() is
  'Ends all sessions of an agent that is revoked. No other one is opened while it is, so no beat holds until it was restored.';
revoke all on function public.end_sessions_of_revoked() from public, anon, authenticated;
grant execute on function public.end_sessions_of_revoked() to service_role;
create trigger revocation_ends_the_sessions
  after update of revoked_at on public.agents
  for each row when (old.revoked_at is null and new.revoked_at is not null)
  execute function public.end_sessions_of_revoked();
