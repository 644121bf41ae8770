-- What changed on a map, without a look at every agent. An agent changes by a transaction, which leaves its number in the
-- row (xmin), or by time alone, when a threshold of agent_liveness passes. Nothing is written and nothing is indexed for
-- this: a beat costs what it costs without it. All rows of agent_beats are passed over, and few are looked at.

create function public.moment_of_map(shortest integer)
  returns jsonb language sql stable set search_path = ''
  return jsonb_build_object(
    'xid', pg_snapshot_xmin(pg_current_snapshot())::text, 'at_us', public.microseconds(now()), 'shortest', shortest
  );
comment on function public.moment_of_map(integer) is
  'From when map_changes counts: {"xid": the oldest transaction that may not be seen yet, "at_us": now, "shortest": as given}.';
revoke all on function public.moment_of_map(integer) from public, anon, authenticated;
grant execute on function public.moment_of_map(integer) to service_role;

create function public.incidents_digest(owner_id uuid)
  returns text language sql stable set search_path = ''
  return case when exists (
    select from public.incidents as i
    where i.closed_at is null and (incidents_digest.owner_id is null or i.owner_id = incidents_digest.owner_id)
  ) then md5(public.list_incidents(incidents_digest.owner_id, 'open', 50, null)::text) else '' end;
comment on function public.incidents_digest(uuid) is
  'Another text once something of the open incidents of an owner (null: of all) has changed, of the 50 that were opened last.';
revoke all on function public.incidents_digest(uuid) from public, anon, authenticated;
grant execute on function public.incidents_digest(uuid) to service_role;

create function public.follow_agents(owner_id uuid, filter jsonb, group_key text, marks_every integer)
  returns jsonb language plpgsql stable set search_path = '' as $$
begin
  -- Compiling these statements takes longer than running them.
  perform set_config('jit', 'off', true);
  return public.map_agents(owner_id, filter, group_key, marks_every, true) || jsonb_build_object(
    'incidents', public.incidents_digest(owner_id),
    'next', public.moment_of_map(
      (select coalesce(min(b.interval_seconds), 0) from public.agent_beats as b)
    )
  );
end
$$;
comment on function public.follow_agents(uuid, jsonb, text, integer) is
  'map_agents with "ids" and "liveness", "incidents": incidents_digest, and "next": what map_changes takes as since.';
revoke all on function public.follow_agents(uuid, jsonb, text, integer) from public, anon, authenticated;
grant execute on function public.follow_agents(uuid, jsonb, text, integer) to service_role;

create function public.map_changes(owner_id uuid, filter jsonb, since jsonb)
  returns jsonb language plpgsql stable set search_path = '' as $$
declare
  known constant xid8 := (since ->> 'xid')::xid8;
  was constant timestamptz := 'epoch'::timestamptz + (since ->> 'at_us')::bigint * interval '1 microsecond';
  shortest constant integer := (since ->> 'shortest')::integer;
  -- The limits of what is looked at further. Named here, they are computed once and not for each row.
  ahead constant timestamptz := was + interval '5 seconds';
  beaten constant timestamptz := now() - shortest * interval '1.1 s' - interval '15 s';
  excused interval;
  ids uuid[];
  keys text[];
  labels jsonb[];
  search text;
  states jsonb;
  copies bigint;
begin
  if known > pg_snapshot_xmax(pg_current_snapshot()) or was not between now() - interval '1 hour' and now()
    or exists (
      -- Transactions take less than a minute. Without their times, all events would be looked at.
      select from public.agent_events as e
      where e.happened_at > was - interval '1 minute' and age(e.xmin) <= age(known::xid) and e.kind in ('edited', 'deleted')
    )
    or exists (select from public.server_gaps as g where age(g.xmin) <= age(known::xid))
  then
    return null;
  end if;
  -- Compiling these statements takes longer than running them.
  perform set_config('jit', 'off', true);
  select coalesce(sum(g.excused_until - g.began_at), interval '0') into excused from public.server_gaps as g;
  ids := array(
    select b.agent_id from public.agent_beats as b
    where age(b.xmin) <= age(known::xid)
      or b.last_seen_at > ahead
      or b.busy and b.deadline_from + make_interval(secs => b.deadline_seconds) between was and now()
      -- Most have beaten since, and are not looked at further.
      or b.last_seen_at <= beaten and (
        greatest(b.last_seen_at, b.back_at) + b.interval_seconds * interval '1.1 s' + interval '15 s' between was and now()
        or greatest(b.last_seen_at, b.back_at) + b.interval_seconds * interval '3 s' + interval '15 s'
          between was - excused and now()
      )
    union
    -- This act changes the agent's row alone.
    select e.agent_id from public.agent_events as e
    where e.happened_at > was - interval '1 minute' and age(e.xmin) <= age(known::xid) and e.kind = 'restored'
  );
  select f.keys, f.labels, f.search into keys, labels, search from public.filter_of(filter) as f;
  execute format($sql$
    with agent as materialized (
      select a.id, l.liveness, r.rank from %1$s where a.id = any ($5) and %2$s
    ), grouped as (
      select agent.rank::text || (%3$s)::text as state, jsonb_agg(agent.id) as ids from agent group by 1
    )
    select (select coalesce(jsonb_object_agg(grouped.state, grouped.ids), '{}') from grouped), (
      select coalesce(sum(cardinality(b.copies)), 0) from public.agent_beats as b join public.agents as a on a.id = b.agent_id
      where b.copies <> '{}' and a.revoked_at is null and %2$s
    )
  $sql$,
    public.agents_with_liveness() || public.with_trouble(), public.agents_that_fit(), public.liveness_rank_expression('agent.liveness')
  )
  into states, copies using owner_id, keys, labels, search, ids;
  return jsonb_build_object(
    'changes', states, 'copies', copies, 'incidents', public.incidents_digest(owner_id),
    'next', public.moment_of_map(shortest)
  );
end
$$;
comment on function public.map_changes(uuid, jsonb, jsonb) is
  'What may have changed on a map of follow_agents with the same filter, which asks for no liveness, since the next of that or of an earlier call: {"changes": ids by two digits, those of the agent''s cell and of its liveness now, "copies": how many these agents have, "incidents": incidents_digest, "next"}. Agents that have not changed may be among them. An id that the map does not have is a new agent. Null where the whole map has to be read again: agents were edited or deleted, the server was away, or since is not of this database''s last hour.';
revoke all on function public.map_changes(uuid, jsonb, jsonb) from public, anon, authenticated;
grant execute on function public.map_changes(uuid, jsonb, jsonb) to service_role;
