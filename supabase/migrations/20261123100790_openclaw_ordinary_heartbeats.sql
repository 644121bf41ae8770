-- Nearly every beat of a fleet is ordinary: it came in time and after the one before it, of the same start of the
-- agent's process, and there is nothing to ask the agent for. Such a beat changes its own row by what it said, and
-- nothing else; so the row is neither locked nor read before it is changed. What is not ordinary is left to
-- record_heartbeats, which knows all the rules; those that are here say what they come to for an ordinary beat.
create function public.record_ordinary_heartbeats(
  agent_ids uuid[], epochs integer[], statuses text[], messages text[], metrics text[], instance_ids uuid[],
  seqs bigint[], clock_offsets integer[], busies boolean[], progresses bigint[], backs_in integer[]
)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  intervals jsonb;
begin
  -- The planner always takes the rows in the order of the ids then: by their key, one by one or all, and not as they
  -- lie in a small table. Lists with the same agents in other orders would deadlock.
  perform set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true);
  -- What is recorded here waits for no lock of the history's.
  lock table public.history_beats in row exclusive mode nowait;
  with recorded as (
    update public.agent_beats as b set
      last_seen_at = now(),
      clock_offset_seconds = coalesce(said.clock_offset_seconds, b.clock_offset_seconds),
      heartbeats_count = b.heartbeats_count + 1,
      status = said.status,
      message = said.message,
      metrics = said.metrics,
      last_seq = said.seq,
      busy = said.busy,
      progress = coalesce(said.progress, b.progress),
      -- What is kept is no later than now: a clock that was ahead may have stamped it.
      last_progress_at = case
        when coalesce(said.progress <> b.progress, said.progress is not null) or b.last_progress_at > now() then now()
        else b.last_progress_at
      end,
      deadline_from = case
        when coalesce(said.progress <> b.progress, said.progress is not null) or said.busy and b.busy is not true
        then now()
        else least(b.deadline_from, now())
      end
    from (
      select
        l.place, l.agent_id, l.epoch, l.status, l.message, l.metrics::jsonb as metrics, l.instance_id, l.seq,
        l.clock_offset_seconds, l.busy, l.progress
      -- Each list by a query of its own: Postgres then does not plan anew for each length of it.
      from unnest(
        (select record_ordinary_heartbeats.agent_ids), (select record_ordinary_heartbeats.epochs),
        (select record_ordinary_heartbeats.statuses), (select record_ordinary_heartbeats.messages),
        (select record_ordinary_heartbeats.metrics), (select record_ordinary_heartbeats.instance_ids),
        (select record_ordinary_heartbeats.seqs), (select record_ordinary_heartbeats.clock_offsets),
        (select record_ordinary_heartbeats.busies), (select record_ordinary_heartbeats.progresses),
        (select record_ordinary_heartbeats.backs_in)
      ) with ordinality as l (
        agent_id, epoch, status, message, metrics, instance_id, seq, clock_offset_seconds, busy, progress,
        back_in_seconds, place
      )
      -- From the second of these, the planner expects one row, and takes few by their key.
      where l.status <> 'stopping' and l.back_in_seconds is null
      order by l.agent_id
    ) as said
    -- Once a row was waited for, Postgres looks at all of this again, on the row as it is then.
    where b.agent_id = said.agent_id and b.session_epoch = said.epoch
      and b.last_instance_id is not distinct from said.instance_id
      and (said.instance_id = any (b.revoked_instances)) is not true
      and (said.instance_id is not null and said.seq <= b.last_seq) is not true
      and b.rotation_requested_at is null and b.adopting_instances = '{}'
      and b.status <> 'stopping' and b.online_since is not null
      and b.last_seen_at <= now() + interval '5 seconds'
      and now() - b.last_seen_at <= b.interval_seconds * interval '1.1 s' + interval '15 s'
      and (b.busy and now() - b.deadline_from >= make_interval(secs => b.deadline_seconds)) is not true
    returning said.place, b.agent_id, b.interval_seconds, b.status, b.metrics
  ), kept as (
    insert into public.history_beats (agent_id, status, metrics)
      select r.agent_id, case r.status when 'healthy' then 0 when 'degraded' then 2 else 3 end, r.metrics
      from recorded as r
      where (select s.days > 0 from public.history_settings as s)
  )
  select jsonb_object_agg(r.place, r.interval_seconds) into intervals from recorded as r;
  return intervals;
exception when read_only_sql_transaction or feature_not_supported then
  -- The connection's own, and its end: of a database that was demoted, and of plans of before a change of the schema.
  raise;
when others then
  -- Nothing of the list is recorded: somebody has locked the history (55P03), it has no room (class 53), or a beat has
  -- a value that is not taken (22, 23). record_heartbeats does without the history, or says what is wrong.
  raise log 'could not record a list of heartbeats as ordinary ones: % (%)', sqlerrm, sqlstate;
  return null;
end
$$;
comment on function public.record_ordinary_heartbeats(
  uuid[], integer[], text[], text[], text[], uuid[], bigint[], integer[], boolean[], bigint[], integer[]
) is
  'Records those of a list of beats that are ordinary; the list is as for record_heartbeats. Returns the heartbeat_interval_seconds of each that it recorded, by its place in the list, from 1; null where it recorded none. The others are to be given to record_heartbeats.';
revoke all on function public.record_ordinary_heartbeats(
  uuid[], integer[], text[], text[], text[], uuid[], bigint[], integer[], boolean[], bigint[], integer[]
) from public, anon, authenticated;
grant execute on function public.record_ordinary_heartbeats(
  uuid[], integer[], text[], text[], text[], uuid[], bigint[], integer[], boolean[], bigint[], integer[]
) to service_role;
