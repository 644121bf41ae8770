create function public.record_heartbeats(
  agent_ids uuid[], epochs integer[], statuses text[], messages text[], metrics text[], instance_ids uuid[],
  seqs bigint[], clock_offsets integer[], busies boolean[], progresses bigint[], backs_in integer[]
)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  verdicts jsonb;
  turns jsonb;
  silences jsonb;
  -- What the history keeps of those that were recorded, in one order.
  kept_agents uuid[];
  kept_statuses text[];
  kept_metrics jsonb[];
begin
  if cardinality(agent_ids) > 1
    and cardinality(agent_ids) > (select count(distinct id) from unnest(agent_ids) as id)
  then
    raise exception 'a list of heartbeats names an agent twice' using errcode = '21000';
  end if;
  -- What each beat said, beside what its agent's row has kept until now, as it is once it is locked.
  with said as materialized (
    select
      b.place, b.status, b.message, b.metrics::jsonb as metrics, b.instance_id, b.seq, b.clock_offset_seconds,
      b.busy, b.progress, b.back_in_seconds,
      b.epoch, kept.agent_id, kept.session_epoch, kept.interval_seconds, kept.rotation_requested_at, kept.copies,
      kept.adopting_instances,
      kept.last_seen_at, kept.online_since, kept.heartbeats_count, kept.status as kept_status,
      kept.message as kept_message, kept.metrics as kept_metrics,
      kept.clock_offset_seconds as kept_clock_offset_seconds, kept.last_instance_id, kept.last_seq,
      kept.progress as kept_progress, kept.last_progress_at, kept.deadline_from, kept.back_at, kept.busy as kept_busy,
      coalesce(kept.session_epoch = b.epoch, false) and (b.instance_id = any (kept.revoked_instances)) is not true
        as holds,
      now() - kept.last_seen_at <= kept.interval_seconds * interval '1.1 s' + interval '15 s' as in_time,
      -- A beat that a later one of its instance has overtaken says that the agent lives, and nothing else.
      coalesce(kept.last_instance_id = b.instance_id and b.seq <= kept.last_seq, false) as overtaken,
      b.progress is not null and kept.progress is distinct from b.progress as progressed,
      kept.last_instance_id is distinct from b.instance_id
        or coalesce(b.busy and kept.busy is not true, false) as begins,
      coalesce(
        kept.busy and now() - kept.deadline_from >= make_interval(secs => kept.deadline_seconds), false
      ) as was_stalled
    from (
      select l.*
      -- Each list by a query of its own: Postgres then does not plan anew for each length of it.
      from unnest(
        (select record_heartbeats.agent_ids), (select record_heartbeats.epochs), (select record_heartbeats.statuses),
        (select record_heartbeats.messages), (select record_heartbeats.metrics),
        (select record_heartbeats.instance_ids), (select record_heartbeats.seqs),
        (select record_heartbeats.clock_offsets), (select record_heartbeats.busies),
        (select record_heartbeats.progresses), (select record_heartbeats.backs_in)
      ) with ordinality as l (
        agent_id, epoch, status, message, metrics, instance_id, seq, clock_offset_seconds, busy, progress,
        back_in_seconds, place
      )
      -- In the order of the ids, always: lists with the same agents in other orders would deadlock.
      order by l.agent_id
    ) as b
    -- For each beat by itself: so its row is found by its key, however few agents there are.
    left join lateral (
      select k.* from public.agent_beats as k where k.agent_id = b.agent_id for no key update
    ) as kept on true
  ), recorded as (
    -- What a row keeps comes from `said`, not from `b`: that is the row as it was before this statement waited for
    -- its lock, and Postgres checks the constraints on it once before it looks at the row as it is now.
    update public.agent_beats as b set
      last_seen_at = now(),
      -- Kept while the agent was online until now, as agent_liveness says it, which would cost a call for each beat.
      online_since = case
        when said.was_stalled and not said.overtaken
          and (said.progressed or said.begins or said.busy is not true)
        then now()
        when said.kept_status <> 'stopping' and said.last_seen_at <= now() + interval '5 seconds' and said.in_time
        then coalesce(said.online_since, now())
        else now()
      end,
      clock_offset_seconds = coalesce(said.clock_offset_seconds, said.kept_clock_offset_seconds),
      heartbeats_count = said.heartbeats_count + 1,
      status = case when said.overtaken then said.kept_status else said.status end,
      message = case when said.overtaken then said.kept_message else said.message end,
      metrics = case when said.overtaken then said.kept_metrics else said.metrics end,
      last_instance_id = case when said.overtaken then said.last_instance_id else said.instance_id end,
      last_seq = case when said.overtaken then said.last_seq else said.seq end,
      busy = case when said.overtaken then said.kept_busy else said.busy end,
      progress = case when said.progressed and not said.overtaken then said.progress else said.kept_progress end,
      -- What is kept is no later than now: a clock that was ahead may have stamped it.
      last_progress_at = case
        when said.progressed and not said.overtaken or said.last_progress_at > now() then now()
        else said.last_progress_at
      end,
      deadline_from = case
        when (said.progressed or said.begins) and not said.overtaken then now()
        else least(said.deadline_from, now())
      end,
      back_at = case
        when said.overtaken then said.back_at
        when said.status = 'stopping' then now() + make_interval(secs => said.back_in_seconds)
      end
    from said
    -- That the epochs are equal is a part of `holds`. From it, the planner expects one row, and takes each by its key.
    where said.holds and said.session_epoch = said.epoch and b.agent_id = said.agent_id
  )
  select
    coalesce(jsonb_agg(
      case
        when not said.holds then null
        when said.rotation_requested_at is null and said.adopting_instances = '{}'
        then to_jsonb(said.interval_seconds)
        else (
          select case asked.directives
            when '{}' then to_jsonb(said.interval_seconds)
            else jsonb_build_object(
              'heartbeat_interval_seconds', said.interval_seconds, 'directives', asked.directives
            )
          end
          from (
            select array_remove(array[
              case when said.rotation_requested_at is not null and (said.instance_id = any (said.copies)) is not true
                then 'rotate' end,
              case when said.instance_id = any (said.adopting_instances) then 'handshake' end
            ], null) as directives
          ) as asked
        )
      end
      order by said.place
    ), '[]'),
    -- Of an agent with one instance, nothing more is asked.
    jsonb_agg(
      jsonb_build_object(
        'agent_id', said.agent_id,
        'beat', jsonb_build_object(
          'instance_id', said.instance_id, 'seq', said.seq, 'at', now(), 'stopping', said.status = 'stopping'
        ),
        'ended', jsonb_build_object(
          'instance_id', said.last_instance_id, 'seq', said.last_seq, 'at', said.last_seen_at,
          'stopping', said.kept_status = 'stopping'
        )
      )
      order by said.place
    ) filter (where said.holds and said.last_instance_id <> said.instance_id),
    jsonb_agg(
      jsonb_build_object(
        'agent_id', said.agent_id, 'began_at', said.last_seen_at, 'interval_seconds', said.interval_seconds,
        'stopping', said.kept_status = 'stopping',
        'back_in_seconds', round(extract(epoch from said.back_at - said.last_seen_at)),
        'same_instance', said.last_instance_id = said.instance_id, 'seqs', said.seq - said.last_seq,
        'uptime_seconds', said.metrics -> 'uptime_seconds'
      )
      order by said.place
    ) filter (where said.holds and not said.in_time),
    array_agg(said.agent_id) filter (where said.holds), array_agg(said.status) filter (where said.holds),
    array_agg(said.metrics) filter (where said.holds)
  into verdicts, turns, silences, kept_agents, kept_statuses, kept_metrics
  from said;
  if turns is not null then
    perform public.note_turn((t.value ->> 'agent_id')::uuid, t.value -> 'ended', t.value -> 'beat')
      from jsonb_array_elements(turns) as t (value);
  end if;
  if (select s.days > 0 from public.history_settings as s) then
    -- The history never makes a beat fail, and waits for no lock of a table.
    begin
      lock table public.history_beats, public.agent_gaps in row exclusive mode nowait;
      insert into public.history_beats (agent_id, status, metrics)
        select b.agent_id,
          case b.status when 'healthy' then 0 when 'stopping' then 1 when 'degraded' then 2 else 3 end, b.metrics
        from unnest((select kept_agents), (select kept_statuses), (select kept_metrics)) as b (agent_id, status, metrics);
      if silences is not null then
        perform public.note_gaps(silences);
      end if;
    exception when others then
      -- Whatever it is (no room on the disk, a table that somebody has locked): the beats are recorded, and lack there.
      raise log 'could not keep heartbeats for the history: %', sqlerrm;
    end;
  end if;
  return verdicts;
end
$$;
comment on function public.record_heartbeats(
  uuid[], integer[], text[], text[], text[], uuid[], bigint[], integer[], boolean[], bigint[], integer[]
) is
  'Records a list of beats whose tokens were verified, as lists of their fields, all of one length: at most one beat of an agent, its metrics as JSON. Returns a list of the same length and order: the heartbeat_interval_seconds, or {heartbeat_interval_seconds, directives} where there are any, or null where the agent is gone, its epoch has passed (as that of a revoked one has), or the instance is a revoked copy.';
revoke all on function public.record_heartbeats(
  uuid[], integer[], text[], text[], text[], uuid[], bigint[], integer[], boolean[], bigint[], integer[]
) from public, anon, authenticated;
grant execute on function public.record_heartbeats(
  uuid[], integer[], text[], text[], text[], uuid[], bigint[], integer[], boolean[], bigint[], integer[]
) to service_role;
