create function public.record_heartbeats(
  agent_ids uuid[], epochs integer[], statuses text[], messages text[], metrics text[], instance_ids uuid[],
  seqs bigint[], clock_offsets integer[]
)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  verdicts jsonb;
  turns jsonb;
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
      (select record_heartbeats.clock_offsets)
    ) with ordinality
      as b (agent_id, epoch, status, message, metrics, instance_id, seq, clock_offset_seconds, place)
  ), locked as materialized (
    -- In the order of the ids, always: lists with the same agents in other orders would deadlock.
    select b.*
    from public.agent_beats as b
    where b.agent_id in (select beat.agent_id from beat)
    order by b.agent_id
    for no key update
  ), accepted as materialized (
    -- A beat that a later one of its instance has overtaken says that the agent lives, and nothing else.
    select beat.*, locked.interval_seconds,
      coalesce(locked.last_instance_id = beat.instance_id and beat.seq <= locked.last_seq, false) as overtaken,
      -- Of an agent with one instance, nothing more is asked.
      locked.last_instance_id <> beat.instance_id as takes_turns,
      case when locked.rotation_requested_at is not null or locked.adopting_instances <> '{}' then array_remove(array[
        case when locked.rotation_requested_at is not null and (beat.instance_id = any (locked.copies)) is not true
          then 'rotate' end,
        case when beat.instance_id = any (locked.adopting_instances) then 'handshake' end
      ], null) else '{}' end as directives
    from beat join locked on locked.agent_id = beat.agent_id and locked.session_epoch = beat.epoch
      and (beat.instance_id = any (locked.revoked_instances)) is not true
  ), recorded as (
    -- What a row keeps comes from `locked`, not from `b`: that is the row as it was before this statement waited
    -- for its lock, and Postgres checks the constraints on it once before it looks at the row as it is now.
    update public.agent_beats as b set
      last_seen_at = now(),
      -- Kept while the agent was online until now, as agent_liveness says it, which would cost a call for each beat.
      online_since = case
        when locked.status <> 'stopping' and locked.last_seen_at <= now() + interval '5 seconds'
          and now() - locked.last_seen_at <= make_interval(secs => 1.1 * locked.interval_seconds + 15)
        then coalesce(locked.online_since, now())
        else now()
      end,
      clock_offset_seconds = coalesce(accepted.clock_offset_seconds, locked.clock_offset_seconds),
      heartbeats_count = locked.heartbeats_count + 1,
      status = case when accepted.overtaken then locked.status else accepted.status end,
      message = case when accepted.overtaken then locked.message else accepted.message end,
      metrics = case when accepted.overtaken then locked.metrics else accepted.metrics::jsonb end,
      last_instance_id = case when accepted.overtaken then locked.last_instance_id else accepted.instance_id end,
      last_seq = case when accepted.overtaken then locked.last_seq else accepted.seq end
    from accepted join locked on locked.agent_id = accepted.agent_id
    where b.agent_id = accepted.agent_id
  )
  select coalesce(jsonb_agg(
    case
      when accepted.directives = '{}' then to_jsonb(accepted.interval_seconds)
      when accepted.place is not null then jsonb_build_object(
        'heartbeat_interval_seconds', accepted.interval_seconds, 'directives', accepted.directives
      )
    end
    order by beat.place
  ), '[]'), jsonb_agg(
    jsonb_build_object(
      'beat', jsonb_build_object(
        'instance_id', accepted.instance_id, 'seq', accepted.seq, 'at', now(),
        'stopping', accepted.status = 'stopping'
      ),
      'agent_id', locked.agent_id, 'ended', jsonb_build_object(
        'instance_id', locked.last_instance_id, 'seq', locked.last_seq, 'at', locked.last_seen_at,
        'stopping', locked.status = 'stopping'
      )
    )
    order by beat.place
  ) filter (where accepted.takes_turns)
  into verdicts, turns
  from beat
  left join accepted on accepted.place = beat.place
  left join locked on locked.agent_id = accepted.agent_id and accepted.takes_turns;
  if turns is not null then
    perform public.note_turn((t.value ->> 'agent_id')::uuid, t.value -> 'ended', t.value -> 'beat')
      from jsonb_array_elements(turns) as t (value);
  end if;
  return verdicts;
end
$$;
comment on function public.record_heartbeats(
  uuid[], integer[], text[], text[], text[], uuid[], bigint[], integer[]
) is
  'Records a list of beats whose tokens were verified, as lists of their fields, all of one length: at most one beat of an agent, its metrics as JSON. Returns a list of the same length and order: the heartbeat_interval_seconds, or {heartbeat_interval_seconds, directives} where there are any, or null where the agent is gone, its epoch has passed (as that of a revoked one has), or the instance is a revoked copy.';
revoke all on function public.record_heartbeats(
  uuid[], integer[], text[], text[], text[], uuid[], bigint[], integer[]
) from public, anon, authenticated;
grant execute on function public.record_heartbeats(
  uuid[], integer[], text[], text[], text[], uuid[], bigint[], integer[]
) to service_role;
