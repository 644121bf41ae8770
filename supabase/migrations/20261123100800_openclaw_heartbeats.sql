create function public.record_heartbeats(beats jsonb)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  verdicts jsonb;
  turns jsonb;
begin
  -- plpgsql keeps the plan of this statement; as a SQL function it was planned anew for every beat.
  with beat as (
    select
      b.place,
      (b.value ->> 'agent_id')::uuid as agent_id,
      (b.value ->> 'epoch')::integer as epoch,
      b.value ->> 'status' as status,
      b.value ->> 'message' as message,
      b.value -> 'metrics' as metrics,
      (b.value ->> 'instance_id')::uuid as instance_id,
      (b.value ->> 'seq')::bigint as seq,
      (b.value ->> 'clock_offset_seconds')::integer as clock_offset_seconds
    from jsonb_array_elements(record_heartbeats.beats) with ordinality as b (value, place)
  ), locked as (
    -- In the order of the ids, always: lists with the same agents in other orders would deadlock.
    select a.*
    from public.agents as a
    where a.id in (select beat.agent_id from beat) and a.revoked_at is null
    order by a.id
    for update
  ), accepted as (
    select
      beat.*, locked.heartbeat_interval_seconds,
      count(*) over agent as beats,
      first_value(beat.instance_id) over agent_backwards as latest_instance_id,
      -- Of an agent with one instance, nothing more is asked.
      bool_or(beat.instance_id <> locked.last_instance_id) over agent
        or locked.last_instance_id is null and count(*) over agent > 1 as takes_turns,
      case when locked.rotation_requested_at is not null or locked.adopting_instances <> '{}' then array_remove(array[
        case when locked.rotation_requested_at is not null and (beat.instance_id = any (locked.copies)) is not true
          then 'rotate' end,
        case when beat.instance_id = any (locked.adopting_instances) then 'handshake' end
      ], null) else '{}' end as directives
    from beat join locked on locked.id = beat.agent_id and locked.session_epoch = beat.epoch
      and (beat.instance_id = any (locked.revoked_instances)) is not true
    window agent as (partition by beat.agent_id), agent_backwards as (partition by beat.agent_id order by beat.place desc)
  ), last as (
    -- Of the instance that beat last, the beat with the highest seq: seq counts within one instance alone.
    select distinct on (accepted.agent_id) accepted.*
    from accepted
    order by
      accepted.agent_id, (accepted.instance_id is not distinct from accepted.latest_instance_id) desc,
      accepted.seq desc nulls last, accepted.place desc
  ), news as (
    -- A beat that a later one of its instance has overtaken says that the agent lives, and nothing else.
    select last.*,
      coalesce(locked.last_instance_id = last.instance_id and last.seq <= locked.last_seq, false) as overtaken
    from last join locked on locked.id = last.agent_id
  ), recorded as (
    -- What a row keeps comes from `locked`, not from `a`: that is the row as it was before this statement waited
    -- for its lock, and Postgres checks the constraints on it once before it looks at the row as it is now.
    update public.agents as a set
      last_seen_at = now(),
      -- Kept while the agent was online until now, as agent_liveness says it, which would cost a call for each beat.
      online_since = case
        when locked.status <> 'stopping' and locked.last_seen_at <= now() + interval '5 seconds'
          and locked.last_seen_at > coalesce(locked.restored_at, '-infinity')
          and now() - locked.last_seen_at <= make_interval(secs => 1.1 * locked.heartbeat_interval_seconds + 15)
        then locked.online_since
        else now()
      end,
      clock_offset_seconds = coalesce(news.clock_offset_seconds, locked.clock_offset_seconds),
      heartbeats_count = locked.heartbeats_count + news.beats,
      status = case when news.overtaken then locked.status else news.status end,
      message = case when news.overtaken then locked.message else news.message end,
      metrics = case when news.overtaken then locked.metrics else news.metrics end,
      last_instance_id = case when news.overtaken then locked.last_instance_id else news.instance_id end,
      last_seq = case when news.overtaken then locked.last_seq else news.seq end
    from news join locked on locked.id = news.agent_id
    where a.id = news.agent_id
  )
  select coalesce(jsonb_agg(
    case
      when accepted.place is null then null
      when accepted.directives = '{}'
        then jsonb_build_object('heartbeat_interval_seconds', accepted.heartbeat_interval_seconds)
      else jsonb_build_object(
        'heartbeat_interval_seconds', accepted.heartbeat_interval_seconds, 'directives', accepted.directives
      )
    end
    order by beat.place
  ), '[]'), jsonb_agg(
    jsonb_build_object(
      'agent_id', accepted.agent_id, 'instance_id', accepted.instance_id, 'seq', accepted.seq, 'at', now(),
      'stopping', accepted.status = 'stopping', 'before', jsonb_build_object(
        'instance_id', locked.last_instance_id, 'seq', locked.last_seq, 'at', locked.last_seen_at,
        'stopping', locked.status = 'stopping'
      )
    )
    order by beat.place
  ) filter (where accepted.takes_turns)
  into verdicts, turns
  from beat
  left join accepted on accepted.place = beat.place
  left join locked on locked.id = accepted.agent_id and accepted.takes_turns;
  if turns is not null then
    perform public.note_turns(t.agent_id, t.beats)
    from (
      select (t.value ->> 'agent_id')::uuid as agent_id, jsonb_agg(t.value order by t.place) as beats
      from jsonb_array_elements(turns) with ordinality as t (value, place)
      group by 1
    ) as t;
  end if;
  return verdicts;
end
$$;
comment on function public.record_heartbeats(jsonb) is
  'Records a list of {agent_id, epoch, status, message, metrics, instance_id, seq, clock_offset_seconds} whose tokens were verified, and returns a list of the same length and order: {heartbeat_interval_seconds, directives}, the latter only where there are any, or null where the agent is gone, revoked, its epoch has passed, or the instance is a revoked copy.';
revoke all on function public.record_heartbeats(jsonb) from public, anon, authenticated;
grant execute on function public.record_heartbeats(jsonb) to service_role;
