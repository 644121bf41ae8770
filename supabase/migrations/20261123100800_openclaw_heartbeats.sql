create function public.remember_beats(
  agent_ids uuid[], statuses text[], metrics text[], verdicts jsonb, silences jsonb
)
  returns void language plpgsql volatile set search_path = '' as $$
begin
  if not (select s.days > 0 from public.history_settings as s) then
    return;
  end if;
  lock table public.history_beats, public.agent_gaps in row exclusive mode nowait;
  insert into public.history_beats (agent_id, status, metrics)
    select b.agent_id, case b.status when 'healthy' then 0 when 'stopping' then 1 when 'degraded' then 2 else 3 end,
      b.metrics::jsonb
    from unnest(
      (select remember_beats.agent_ids), (select remember_beats.statuses), (select remember_beats.metrics)
    ) with ordinality as b (agent_id, status, metrics, place)
    where verdicts -> (b.place - 1)::integer <> 'null';
  if silences is not null then
    perform public.note_gaps(silences);
  end if;
exception when others then
  -- Whatever it is (no room on the disk, a table that somebody has locked): the beats are recorded, and lack here.
  raise log 'could not keep heartbeats for the history: %', sqlerrm;
end
$$;
comment on function public.remember_beats(uuid[], text[], text[], jsonb, jsonb) is
  'Keeps the beats that were recorded, as their verdicts say, and the silences that they have ended for the history. Fails never, and waits for no lock of a table. For record_heartbeats.';
revoke all on function public.remember_beats(uuid[], text[], text[], jsonb, jsonb) from public, anon, authenticated;
grant execute on function public.remember_beats(uuid[], text[], text[], jsonb, jsonb) to service_role;

create function public.record_heartbeats(
  agent_ids uuid[], epochs integer[], statuses text[], messages text[], metrics text[], instance_ids uuid[],
  seqs bigint[], clock_offsets integer[], busies boolean[], progresses bigint[], backs_in integer[]
)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  verdicts jsonb;
  turns jsonb;
  silences jsonb;
begin
  if cardinality(agent_ids) > 1
    and cardinality(agent_ids) > (select count(distinct id) from unnest(agent_ids) as id)
  then
    raise exception 'a list of heartbeats names an agent twice' using errcode = '21000';
  end if;
  with beat as materialized (
    -- Each list by a query of its own: Postgres then does not plan anew for each length of it.
    select b.*
    from unnest(
      (select record_heartbeats.agent_ids), (select record_heartbeats.epochs), (select record_heartbeats.statuses),
      (select record_heartbeats.messages), (select record_heartbeats.metrics),
      (select record_heartbeats.instance_ids), (select record_heartbeats.seqs),
      (select record_heartbeats.clock_offsets), (select record_heartbeats.busies),
      (select record_heartbeats.progresses), (select record_heartbeats.backs_in)
    ) with ordinality as b (
      agent_id, epoch, status, message, metrics, instance_id, seq, clock_offset_seconds, busy, progress, back_in_seconds,
      place
    )
  ), locked as materialized (
    -- In the order of the ids, always: lists with the same agents in other orders would deadlock.
    select b.*
    from public.agent_beats as b
    where b.agent_id in (select beat.agent_id from beat)
    order by b.agent_id
    for no key update
  ), recorded as (
    -- What a row keeps comes from `locked`, not from `b`: that is the row as it was before this statement waited
    -- for its lock, and Postgres checks the constraints on it once before it looks at the row as it is now.
    update public.agent_beats as b set
      last_seen_at = now(),
      -- Kept while the agent was online until now, as agent_liveness says it, which would cost a call for each beat.
      online_since = case
        when accepted.was_stalled and not accepted.overtaken
          and (accepted.progressed or accepted.begins or accepted.busy is not true)
        then now()
        when locked.status <> 'stopping' and locked.last_seen_at <= now() + interval '5 seconds'
          and now() - locked.last_seen_at <= locked.interval_seconds * interval '1.1 s' + interval '15 s'
        then coalesce(locked.online_since, now())
        else now()
      end,
      clock_offset_seconds = coalesce(accepted.clock_offset_seconds, locked.clock_offset_seconds),
      heartbeats_count = locked.heartbeats_count + 1,
      status = case when accepted.overtaken then locked.status else accepted.status end,
      message = case when accepted.overtaken then locked.message else accepted.message end,
      metrics = case when accepted.overtaken then locked.metrics else accepted.metrics::jsonb end,
      last_instance_id = case when accepted.overtaken then locked.last_instance_id else accepted.instance_id end,
      last_seq = case when accepted.overtaken then locked.last_seq else accepted.seq end,
      busy = case when accepted.overtaken then locked.busy else accepted.busy end,
      progress = case when accepted.progressed and not accepted.overtaken then accepted.progress else locked.progress end,
      -- What is kept is no later than now: a clock that was ahead may have stamped it.
      last_progress_at = case
        when accepted.progressed and not accepted.overtaken or locked.last_progress_at > now() then now()
        else locked.last_progress_at
      end,
      deadline_from = case
        when (accepted.progressed or accepted.begins) and not accepted.overtaken then now()
        else least(locked.deadline_from, now())
      end,
      back_at = case
        when accepted.overtaken then locked.back_at
        when accepted.status = 'stopping' then now() + make_interval(secs => accepted.back_in_seconds)
      end
    from beat
    -- The only join of two lists: of each, Postgres expects ten rows, and would compare every one with every other.
    join locked on locked.agent_id = beat.agent_id and locked.session_epoch = beat.epoch
      and (beat.instance_id = any (locked.revoked_instances)) is not true
    cross join lateral (
      -- A beat that a later one of its instance has overtaken says that the agent lives, and nothing else.
      select beat.*,
        coalesce(locked.last_instance_id = beat.instance_id and beat.seq <= locked.last_seq, false) as overtaken,
        beat.progress is not null and locked.progress is distinct from beat.progress as progressed,
        locked.last_instance_id is distinct from beat.instance_id
          or coalesce(beat.busy and locked.busy is not true, false) as begins,
        coalesce(
          locked.busy and now() - locked.deadline_from >= make_interval(secs => locked.deadline_seconds), false
        ) as was_stalled
    ) as accepted
    where b.agent_id = locked.agent_id
    returning beat.place, locked.interval_seconds,
      case when locked.rotation_requested_at is not null or locked.adopting_instances <> '{}' then array_remove(array[
        case when locked.rotation_requested_at is not null and (beat.instance_id = any (locked.copies)) is not true
          then 'rotate' end,
        case when beat.instance_id = any (locked.adopting_instances) then 'handshake' end
      ], null) else '{}' end as directives,
      -- Of an agent with one instance, nothing more is asked.
      case when locked.last_instance_id <> beat.instance_id then jsonb_build_object(
        'agent_id', locked.agent_id,
        'beat', jsonb_build_object(
          'instance_id', beat.instance_id, 'seq', beat.seq, 'at', now(), 'stopping', beat.status = 'stopping'
        ),
        'ended', jsonb_build_object(
          'instance_id', locked.last_instance_id, 'seq', locked.last_seq, 'at', locked.last_seen_at,
          'stopping', locked.status = 'stopping'
        )
      ) end as turn,
      case when now() - locked.last_seen_at > locked.interval_seconds * interval '1.1 s' + interval '15 s'
        then jsonb_build_object(
          'agent_id', locked.agent_id, 'began_at', locked.last_seen_at, 'interval_seconds', locked.interval_seconds,
          'stopping', locked.status = 'stopping',
          'back_in_seconds', round(extract(epoch from locked.back_at - locked.last_seen_at)),
          'same_instance', locked.last_instance_id = beat.instance_id, 'seqs', beat.seq - locked.last_seq,
          'uptime_seconds', accepted.metrics::jsonb -> 'uptime_seconds'
        )
      end as silence
  )
  select coalesce(jsonb_agg(
    case
      when recorded.directives = '{}' then to_jsonb(recorded.interval_seconds)
      when recorded.place is not null then jsonb_build_object(
        'heartbeat_interval_seconds', recorded.interval_seconds, 'directives', recorded.directives
      )
    end
    order by beat.place
  ), '[]'), jsonb_agg(recorded.turn order by beat.place) filter (where recorded.turn is not null),
    jsonb_agg(recorded.silence order by beat.place) filter (where recorded.silence is not null)
  into verdicts, turns, silences
  from beat left join recorded on recorded.place = beat.place;
  if turns is not null then
    perform public.note_turn((t.value ->> 'agent_id')::uuid, t.value -> 'ended', t.value -> 'beat')
      from jsonb_array_elements(turns) as t (value);
  end if;
  perform public.remember_beats(agent_ids, statuses, metrics, verdicts, silences);
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
