-- Volatile, though it only reads: PostgREST calls what is stable in a transaction that may not write.
create function public.check_health()
  returns jsonb language plpgsql volatile set search_path = '' as $$
begin
  if pg_is_in_recovery() or current_setting('transaction_read_only')::boolean then
    raise exception 'this session may not write' using errcode = '25006';
  end if;
  return jsonb_build_object(
    'tick', (select greatest(0, floor(extract(epoch from now() - t.ticked_at))) from public.ticks as t)
  );
end
$$;
comment on function public.check_health() is
  '{"tick": the seconds since the last one, or null} where this session may write; else the error that a write would be refused with (25006).';
revoke all on function public.check_health() from public, anon, authenticated;
grant execute on function public.check_health() to service_role;

create function public.upkeep()
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  agents jsonb;
begin
  -- Compiling these statements takes longer than running them.
  perform set_config('jit', 'off', true);
  with ahead as (
    -- In the order of the ids, as every list of beats is locked.
    select b.agent_id, b.last_seen_at - (now() - b.interval_seconds * interval '1.1 s' - interval '15 s') as too_late_by
    from public.agent_beats as b
    where b.last_seen_at > now() + interval '5 seconds'
    order by b.agent_id
    for no key update
  ), corrected as (
    update public.agent_beats as b
    set last_seen_at = b.last_seen_at - ahead.too_late_by, back_at = b.back_at - ahead.too_late_by
    from ahead
    where b.agent_id = ahead.agent_id
    returning b.agent_id
  )
  select jsonb_agg(corrected.agent_id order by corrected.agent_id) into agents from corrected;
  perform public.remove_old_enrollments();
  perform public.remove_old_events();
  perform public.remove_old_incidents();
  perform public.remove_old_deliveries();
  return agents;
end
$$;
comment on function public.upkeep() is
  'Sets every last beat of the future, which a clock that was ahead has left, to the end of what counts as online, and returns the ids of these agents (null: there was none); removes old enrollments, events, incidents and deliveries.';
revoke all on function public.upkeep() from public, anon, authenticated;
grant execute on function public.upkeep() to service_role;
