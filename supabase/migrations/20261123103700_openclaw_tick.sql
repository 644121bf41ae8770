create index agents_that_are_muted on public.agents (muted_until) where muted_until is not null;

create function public.note_tick(every_seconds integer, moment timestamptz)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  -- Clients wait between tries: at most 300 s, and 1.2 times the 5 s of our retry-after.
  longest_wait constant interval := interval '300 seconds';
  retry_after constant interval := interval '6 seconds';
  last public.ticks;
  gap public.server_gaps;
  away interval;
begin
  select t.* into last from public.ticks as t;
  insert into public.ticks (ticked_at, every_seconds) values (moment, note_tick.every_seconds)
    on conflict (is_the_only_one) do update set
      ticked_at = excluded.ticked_at,
      -- Of several callers, the one that comes most often sets the pace, until it is missing.
      every_seconds = case
        when excluded.ticked_at <= ticks.ticked_at + make_interval(secs => 3 * ticks.every_seconds)
        then least(excluded.every_seconds, ticks.every_seconds)
        else excluded.every_seconds
      end;
  if last is null or moment between last.ticked_at - interval '5 seconds'
    and last.ticked_at + make_interval(secs => 3 * last.every_seconds)
  then
    return null;
  end if;
  -- A clock that was set back is a gap as long as the time that comes again.
  away := greatest(moment - last.ticked_at, last.ticked_at - moment);
  gap.began_at := least(last.ticked_at, moment);
  gap.ended_at := moment;
  gap.excused_until := gap.ended_at + case
    when public.gaps_of_last_hour(moment) < 3 then least(away, longest_wait) + retry_after
    else interval '0'
  end;
  if moment < last.ticked_at then
    perform public.forget_future(moment);
  end if;
  -- No time is excused twice: the gap before ends where this one begins, and what it excused beyond that goes over.
  select greatest(gap.excused_until, max(g.excused_until)) into gap.excused_until
    from public.server_gaps as g where g.excused_until > gap.began_at;
  update public.server_gaps as g set excused_until = gap.began_at where g.excused_until > gap.began_at;
  delete from public.server_gaps as g where g.excused_until < moment - interval '30 days';
  insert into public.server_gaps (began_at, ended_at, excused_until)
    values (gap.began_at, gap.ended_at, gap.excused_until);
  return jsonb_build_object(
    'from', public.rfc3339(gap.began_at), 'to', public.rfc3339(gap.ended_at),
    'seconds', floor(extract(epoch from away)), 'clock_set_back', moment < last.ticked_at
  );
end
$$;
comment on function public.note_tick(integer, timestamptz) is
  'Notes the tick, and the gap before it, if three were missing: {from, to, seconds, clock_set_back}, or null. A part of tick.';
revoke all on function public.note_tick(integer, timestamptz) from public, anon, authenticated;
grant execute on function public.note_tick(integer, timestamptz) to service_role;

create function public.gaps_of_last_hour(moment timestamptz)
  returns integer language sql stable set search_path = ''
  return (select count(*) from public.server_gaps as g where g.ended_at > moment - interval '1 hour');
comment on function public.gaps_of_last_hour(timestamptz) is 'How many gaps ended within the last hour.';
revoke all on function public.gaps_of_last_hour(timestamptz) from public, anon, authenticated;
grant execute on function public.gaps_of_last_hour(timestamptz) to service_role;

create function public.forget_future(moment timestamptz)
  returns void language sql volatile set search_path = '' as $$
  delete from public.server_gaps as g where g.began_at >= moment;
  update public.server_gaps as g set ended_at = least(g.ended_at, moment), excused_until = least(g.excused_until, moment)
    where g.excused_until > moment;
  update public.incidents as i set
      opened_at = least(i.opened_at, moment), joined_at = least(i.joined_at, moment),
      quiet_since = least(i.quiet_since, moment), reopened_at = least(i.reopened_at, moment)
    where i.closed_at is null;
  update public.deliveries as d set
      next_attempt_at = least(d.next_attempt_at, moment), leased_until = least(d.leased_until, moment + interval '1 minute')
    where d.state = 'pending';
$$;
comment on function public.forget_future(timestamptz) is
  'After a clock was set back: what waits for a time that a clock which was ahead has stamped would wait too long. A part of tick.';
revoke all on function public.forget_future(timestamptz) from public, anon, authenticated;
grant execute on function public.forget_future(timestamptz) to service_role;

create function public.note_troubles(moment timestamptz)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  changed jsonb;
  is_needed boolean;
  -- Whose liveness may be another word than online. An agent that was never seen, is revoked, or has not beaten since it
  -- was restored has no online_since.
  may_be_so constant text := $sql$
    b.online_since is not null and (
      b.last_seen_at + b.interval_seconds * interval '1.1 seconds' < $1 - interval '15 seconds'
      or b.status = 'unhealthy'
      or b.busy and b.deadline_from <= $1 - b.deadline_seconds * interval '1 second'
    )
  $sql$;
begin
  -- Where all are well and were, a look is enough: to plan the rest takes longer than to run it.
  if not exists (select from public.agent_troubles) and not exists (
    select from public.agent_beats as b where b.copies <> '{}' and b.online_since is not null
  ) then
    execute 'select exists (select from public.agent_beats as b where ' || may_be_so || ')' into is_needed using moment;
    if not is_needed then
      return null;
    end if;
  end if;
  -- Each agent's beats are read once, and of most of them no more than three columns: an index on what a beat changes
  -- would cost each beat more than this costs.
  execute format($sql$
    with word as materialized (
      select b.agent_id, case
        when l.liveness in ('offline', 'stalled') then l.liveness
        when b.status = 'unhealthy' and l.liveness in ('online', 'late') then 'unhealthy'
        -- An agent that became late by our own gap, or by a clock that was set back, is not noted.
        when l.liveness = 'late' and $1 - m.silent_since - (
          select coalesce(sum(least(g.excused_until, $1) - greatest(g.began_at, m.silent_since)), interval '0')
          from public.server_gaps as g where g.excused_until > m.silent_since and g.began_at < $1
        ) > b.interval_seconds * interval '1.1 s' + interval '15 s' then 'late'
      end as kind
      from public.agent_beats as b
      cross join lateral (
        select null::timestamptz as revoked_at, null::timestamptz as restored_at,
          b.interval_seconds as heartbeat_interval_seconds, b.deadline_seconds as progress_deadline_seconds,
          greatest(b.last_seen_at, b.back_at) as silent_since, $1 as moment
      ) as m
      cross join lateral (select %s as liveness offset 0) as l
      where %s
    ), now_so as materialized (
      select word.agent_id, word.kind from word where word.kind is not null
      union all
      select b.agent_id, 'copy' from public.agent_beats as b where b.copies <> '{}' and b.online_since is not null
    ), added as (
      insert into public.agent_troubles (agent_id, kind, noted_at)
      select n.agent_id, n.kind, $1 from now_so as n
      where not exists (select from public.agent_troubles as t where t.agent_id = n.agent_id and t.kind = n.kind)
      returning agent_id, kind
    ), removed as (
      delete from public.agent_troubles as t
      where not exists (select from now_so as n where n.agent_id = t.agent_id and n.kind = t.kind)
      returning t.agent_id, t.kind, t.noted_at
    ), change as (
      -- By its key, one by one: the planner takes a third of all agents for changed, and would read every one of them.
      select r.agent_id, 'recovered' as kind, jsonb_build_object(
        'after', r.kind, 'seconds', floor(extract(epoch from $1 - r.noted_at))
      ) as detail
      from removed as r
      -- That a copy was seen is an event of its own, and so is a revocation.
      cross join lateral (
        select from public.agent_beats as b where b.agent_id = r.agent_id and b.online_since is not null offset 0
      ) as b
      left join word on word.agent_id = r.agent_id
      where r.kind <> 'copy' and (
        word.kind is null or r.kind in ('late', 'offline') and word.kind in ('stalled', 'unhealthy')
      )
      union all
      select a.agent_id, a.kind, case
        when a.kind = 'unhealthy' then jsonb_build_object('message', b.message)
        when a.kind = 'stalled' then jsonb_build_object(
          'last_seen_at', public.rfc3339(b.last_seen_at), 'last_progress_at', public.rfc3339(b.last_progress_at)
        )
        else jsonb_build_object('last_seen_at', public.rfc3339(b.last_seen_at))
      end
      from added as a
      cross join lateral (
        select b.message, b.last_seen_at, b.last_progress_at from public.agent_beats as b
        where b.agent_id = a.agent_id offset 0
      ) as b
      where a.kind <> 'copy'
    ), event as (
      insert into public.agent_events (agent_id, owner_id, agent_name, kind, actor, detail)
      select c.agent_id, a.owner_id, a.name, c.kind, 'server', c.detail
      from change as c
      cross join lateral (
        select a.owner_id, a.name from public.agents as a where a.id = c.agent_id offset 0
      ) as a
      order by c.kind <> 'recovered', c.agent_id
    )
    select jsonb_agg(jsonb_build_object('kind', k.kind, 'count', k.count, 'agents', k.agents) order by k.kind)
    from (
      select c.kind, count(*) as count, (array_agg(c.agent_id order by c.agent_id))[:20] as agents
      from change as c group by c.kind
    ) as k
  $sql$, public.expression_of('public.agent_liveness'::regproc::regprocedure), may_be_so)
  into changed
  using moment;
  return changed;
end
$$;
comment on function public.note_troubles(timestamptz) is
  'Compares the noted word of each agent with what is so now, notes it, and writes the events: [{kind, count, agents: at most 20 ids}], or null where nothing has changed. A part of tick.';
revoke all on function public.note_troubles(timestamptz) from public, anon, authenticated;
grant execute on function public.note_troubles(timestamptz) to service_role;

create function public.leave_incidents(moment timestamptz)
  returns void language sql volatile set search_path = '' as $$
  update public.agent_troubles as t set incident_id = null
    from (select a.id from public.agents as a where a.muted_until > moment offset 0) as muted
    where t.agent_id = muted.id and t.incident_id is not null;
  update public.incident_agents as m set left_at = moment
    from public.incidents as i
    where i.closed_at is null and m.incident_id = i.id and m.left_at is null
      and not exists (
        select from public.agent_troubles as t where t.agent_id = m.agent_id and t.incident_id = m.incident_id
      );
$$;
comment on function public.leave_incidents(timestamptz) is
  'Takes the agents that are muted out of their incidents, and notes which are not so any more. A part of tick.';
revoke all on function public.leave_incidents(timestamptz) from public, anon, authenticated;
grant execute on function public.leave_incidents(timestamptz) to service_role;

create function public.network_of(address text)
  returns text language sql immutable set search_path = ''
  return coalesce(
    substring(address from '^(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}$') || '.0/24',
    substring(address from '^([0-9a-f]{1,4}(:[0-9a-f]{1,4}){3}):') || '::/64'
  );
comment on function public.network_of(text) is
  'The network of an address, as text: the first 24 bits of an IPv4 one, 64 of an IPv6 one; null where that cannot be told.';
revoke all on function public.network_of(text) from public, anon, authenticated;
grant execute on function public.network_of(text) to service_role;

create function public.beats_are_near(incident public.incidents, last_seen_at timestamptz, interval_seconds integer)
  returns boolean language sql immutable set search_path = ''
  return greatest(incident.last_beat_at, last_seen_at) - least(incident.first_beat_at, last_seen_at) <= greatest(
    interval '2 minutes',
    -- An agent beats after 1.1 times its interval at the latest.
    greatest(incident.longest_interval_seconds, interval_seconds) * interval '1.1 seconds'
  );
comment on function public.beats_are_near(public.incidents, timestamptz, integer) is
  'Whether the last beats of an incident''s agents and this one lie within two minutes, or the longest interval.';
revoke all on function public.beats_are_near(public.incidents, timestamptz, integer) from public, anon, authenticated;
grant execute on function public.beats_are_near(public.incidents, timestamptz, integer) to service_role;

create function public.join_incidents(moment timestamptz)
  returns void language plpgsql volatile set search_path = '' as $$
declare
  most_at_once constant integer := 200;
  incidents_count integer := 0;
  one record;
  incident public.incidents;
  agents uuid[] := array[]::uuid[];
  again_agents uuid[] := array[]::uuid[];
  again_incidents uuid[] := array[]::uuid[];
begin
  -- Planned anew each time: a plan that was kept when there was no trouble would be slow when there is much.
  for one in execute $sql$
    select t.agent_id, t.kind, a.*, before.incident_id
    from public.agent_troubles as t
    cross join lateral (
      select a.owner_id, b.last_seen_at, b.interval_seconds
      from public.agents as a join public.agent_beats as b on b.agent_id = a.id
      where a.id = t.agent_id and (a.muted_until > $1) is not true
      offset 0
    ) as a
    left join lateral (
      select m.incident_id
      from public.incident_agents as m join public.incidents as i on i.id = m.incident_id and i.kind = t.kind
      where m.agent_id = t.agent_id and m.left_at > $1 - interval '10 minutes'
      order by m.left_at desc limit 1
    ) as before on true
    where t.incident_id is null and t.kind <> 'late'
    order by a.owner_id, t.kind, a.last_seen_at
  $sql$ using moment
  loop
    if one.incident_id is not null then
      again_agents := again_agents || one.agent_id;
      again_incidents := again_incidents || one.incident_id;
      continue;
    end if;
    if incident.id is null or incident.kind <> one.kind or incident.owner_id is distinct from one.owner_id
      or not public.beats_are_near(incident, one.last_seen_at, one.interval_seconds)
    then
      perform public.add_to_incident(incident, agents, moment);
      agents := '{}';
      exit when incidents_count = most_at_once;
      incidents_count := incidents_count + 1;
      select i.* into incident
        from public.incidents as i
        where i.closed_at is null and i.kind = one.kind and i.owner_id is not distinct from one.owner_id
          and public.beats_are_near(i, one.last_seen_at, one.interval_seconds)
        order by i.opened_at desc
        limit 1;
      if not found then
        insert into public.incidents (owner_id, kind, opened_at, joined_at)
          values (one.owner_id, one.kind, moment, moment)
          returning * into incident;
      end if;
    end if;
    agents := agents || one.agent_id;
    incident.first_beat_at := least(incident.first_beat_at, one.last_seen_at);
    incident.last_beat_at := greatest(incident.last_beat_at, one.last_seen_at);
    incident.longest_interval_seconds := greatest(incident.longest_interval_seconds, one.interval_seconds);
  end loop;
  perform public.add_to_incident(incident, agents, moment);
  perform public.return_to_incidents(again_incidents, again_agents, moment);
end
$$;
comment on function public.join_incidents(timestamptz) is
  'Adds each agent that has no incident and is not muted: to the one that it left within ten minutes; to an open one of its owner and kind whose agents'' last beats are near; or to one that it opens, of at most 200 in one run. A part of tick.';
revoke all on function public.join_incidents(timestamptz) from public, anon, authenticated;
grant execute on function public.join_incidents(timestamptz) to service_role;

create function public.return_to_incidents(incidents uuid[], agents uuid[], moment timestamptz)
  returns void language sql volatile set search_path = '' as $$
  update public.agent_troubles as t set incident_id = again.incident_id
    from unnest(incidents, agents) as again (incident_id, agent_id)
    join public.incidents as i on i.id = again.incident_id
    where t.agent_id = again.agent_id and t.kind = i.kind;
  with member as (
    update public.incident_agents as m set left_at = null, returns_count = m.returns_count + 1
    from unnest(incidents, agents) as again (incident_id, agent_id)
    where m.incident_id = again.incident_id and m.agent_id = again.agent_id
    returning m.incident_id, m.returns_count
  )
  update public.incidents as i set
      joined_at = moment,
      quiet_since = null,
      reopened_at = case when i.closed_at is null then i.reopened_at else moment end,
      closed_at = null,
      changes_count = greatest(i.changes_count, m.returns_count)
    from (
      select member.incident_id, max(member.returns_count) as returns_count from member group by member.incident_id
    ) as m
    where i.id = m.incident_id;
$$;
comment on function public.return_to_incidents(uuid[], uuid[], timestamptz) is
  'Brings each of the agents back into the incident at its place in the other list, which is opened again where it was closed. A part of tick.';
revoke all on function public.return_to_incidents(uuid[], uuid[], timestamptz) from public, anon, authenticated;
grant execute on function public.return_to_incidents(uuid[], uuid[], timestamptz) to service_role;

create function public.add_to_incident(incident public.incidents, agents uuid[], moment timestamptz)
  returns void language sql volatile set search_path = '' as $$
  update public.agent_troubles as t set incident_id = incident.id
    from unnest(agents) as joining (agent_id)
    where t.agent_id = joining.agent_id and t.kind = incident.kind;
  with joining as materialized (
    select j.agent_id, a.*
    from unnest(agents) as j (agent_id)
    cross join lateral (
      select a.name, a.labels, a.version, public.network_of(i.address) as network, b.message
      from public.agents as a
      join public.agent_beats as b on b.agent_id = a.id
      left join public.agent_instances as i on i.agent_id = b.agent_id and i.instance_id = b.last_instance_id
      where a.id = j.agent_id
      offset 0
    ) as a
  ), member as (
    insert into public.incident_agents as m (incident_id, agent_id, agent_name, joined_at)
    select incident.id, j.agent_id, j.name, moment from joining as j
    on conflict (incident_id, agent_id) do update set left_at = null, returns_count = m.returns_count + 1
  ), shared as (
    select
      (
        select coalesce(jsonb_object_agg(l.key, l.value), '{}')
        from (
          select l.key, l.value from joining as j cross join lateral jsonb_each(j.labels) as l
          group by l.key, l.value having count(*) = (select count(*) from joining)
        ) as l
      ) as labels,
      case when min(j.version) = max(j.version) and count(j.version) = count(*) then min(j.version) end as version,
      case when min(j.network) = max(j.network) and count(j.network) = count(*) then min(j.network) end as network,
      case
        when incident.kind = 'unhealthy' and min(j.message) = max(j.message) and count(j.message) = count(*)
        then min(j.message)
      end as reason
    from joining as j having count(*) > 0
  )
  update public.incidents as i set
      joined_at = moment,
      quiet_since = null,
      labels = case when i.agents_count = 0 then shared.labels else (
        select coalesce(jsonb_object_agg(l.key, l.value), '{}') from jsonb_each(i.labels) as l
        where shared.labels -> l.key = l.value
      ) end,
      version = case when i.agents_count = 0 or i.version = shared.version then shared.version end,
      network = case when i.agents_count = 0 or i.network = shared.network then shared.network end,
      reason = case when i.agents_count = 0 or i.reason = shared.reason then shared.reason end,
      first_beat_at = incident.first_beat_at,
      last_beat_at = incident.last_beat_at,
      longest_interval_seconds = incident.longest_interval_seconds
    from shared
    where i.id = incident.id;
  update public.incidents as i
    set agents_count = (select count(*) from public.incident_agents as m where m.incident_id = i.id)
    where i.id = incident.id and agents <> '{}';
$$;
comment on function public.add_to_incident(public.incidents, uuid[], timestamptz) is
  'Adds these agents to an incident, with the times of last beats that it brings, and notes what they have in common with its other agents. A part of tick.';
revoke all on function public.add_to_incident(public.incidents, uuid[], timestamptz) from public, anon, authenticated;
grant execute on function public.add_to_incident(public.incidents, uuid[], timestamptz) to service_role;

create function public.note_own_incident(moment timestamptz)
  returns void language plpgsql volatile set search_path = '' as $$
declare
  gaps constant integer := public.gaps_of_last_hour(moment);
  last public.incidents;
begin
  select i.* into last
    from public.incidents as i
    where i.kind = 'server' and (i.closed_at is null or i.closed_at > moment - interval '10 minutes')
    order by i.closed_at desc nulls first
    limit 1;
  if gaps > 3 and last.id is null then
    insert into public.incidents (kind, opened_at, joined_at, reason)
      values ('server', moment, moment, format('the server was away %s times within an hour', gaps));
  elsif gaps > 3 then
    update public.incidents as i set
        quiet_since = null,
        reopened_at = case when i.closed_at is null then i.reopened_at else moment end,
        changes_count = i.changes_count + case when i.closed_at is null then 0 else 1 end,
        closed_at = null
      where i.id = last.id and i.quiet_since is not null;
  else
    update public.incidents as i set quiet_since = moment
      where i.id = last.id and i.closed_at is null and i.quiet_since is null;
  end if;
end
$$;
comment on function public.note_own_incident(timestamptz) is
  'Opens an incident of the server itself once it was away more than three times in an hour. A part of tick.';
revoke all on function public.note_own_incident(timestamptz) from public, anon, authenticated;
grant execute on function public.note_own_incident(timestamptz) to service_role;

create function public.close_incidents(moment timestamptz)
  returns void language sql volatile set search_path = '' as $$
  update public.incidents as i set quiet_since = moment
    where i.closed_at is null and i.quiet_since is null and i.kind <> 'server'
      and not exists (select from public.incident_agents as m where m.incident_id = i.id and m.left_at is null);
  update public.incidents as i set closed_at = moment
    where i.closed_at is null and i.quiet_since <= moment - interval '60 seconds';
$$;
comment on function public.close_incidents(timestamptz) is
  'Closes the incidents of which no agent has been so for a minute. A part of tick.';
revoke all on function public.close_incidents(timestamptz) from public, anon, authenticated;
grant execute on function public.close_incidents(timestamptz) to service_role;

create function public.fill_outbox(moment timestamptz)
  returns void language sql volatile set search_path = '' as $$
  insert into public.deliveries (channel_id, incident_id, type, incident, next_attempt_at, created_at)
  select c.id, i.id, due.type, public.incident_json(i), moment, moment
  from public.incidents as i
  join public.channels as c
    on c.enabled and (c.owner_id is null or c.owner_id = i.owner_id) and (c.kinds is null or i.kind = any (c.kinds))
  left join lateral (
    select d.type, d.state from public.deliveries as d
    where d.incident_id = i.id and d.channel_id = c.id and d.type <> 'reminder'
      -- What failed before the channel was enabled again was not told.
      and (d.state <> 'failed' or d.created_at > c.enabled_at)
    order by d.place desc limit 1
  ) as word on true
  left join lateral (
    select d.state, d.created_at from public.deliveries as d
    where d.incident_id = i.id and d.channel_id = c.id
    order by d.place desc limit 1
  ) as last on true
  cross join lateral (select moment - coalesce(i.reopened_at, i.opened_at) as lasted) as l
  cross join lateral (
    select case
      -- Never an end without its beginning.
      when i.closed_at is not null then case when word.type = 'opened' and word.state <> 'failed' then 'closed' end
      when i.quiet_since is not null then null
      when word.type = 'opened' then case
        when word.state <> 'failed' and last.state <> 'pending' and i.acknowledged_at is null
          and moment - last.created_at >= make_interval(secs => c.remind_after_seconds)
        then 'reminder'
      end
      -- Others may be about to join it.
      when i.joined_at > moment - interval '15 seconds' and l.lasted < interval '60 seconds' then null
      when l.lasted >= make_interval(secs => c.after_seconds)
        and (word.type is null or l.lasted >= interval '5 minutes')
      then 'opened'
    end as type
  ) as due
  where (i.closed_at is null or i.closed_at = moment) and due.type is not null
    and (
      due.type <> 'opened' or c.labels = '{}'
      or exists (
        select from public.incident_agents as m join public.agents as a on a.id = m.agent_id
        where m.incident_id = i.id and a.labels::jsonb @> c.labels::jsonb
      )
    )
  order by i.opened_at, i.id, c.id
$$;
comment on function public.fill_outbox(timestamptz) is
  'Writes what each channel is to be told now: beginnings, once no agent has joined for 15 seconds or 60 have passed; ends, of what it was told; reminders. A part of tick.';
revoke all on function public.fill_outbox(timestamptz) from public, anon, authenticated;
grant execute on function public.fill_outbox(timestamptz) to service_role;

create function public.tick(every_seconds integer default 5, moment timestamptz default now())
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  gap jsonb;
  agents jsonb;
  incidents jsonb;
begin
  -- One at a time: what another server does now, or a run that is not over, is done.
  if not pg_try_advisory_xact_lock(hashtextextended('openclaw tick', 0)) then
    return null;
  end if;
  -- Compiling these statements takes longer than running them. Parallel workers save no time here, and beats wait for
  -- the processors that they take.
  perform set_config('jit', 'off', true), set_config('max_parallel_workers_per_gather', '0', true);
  gap := public.note_tick(tick.every_seconds, moment);
  agents := public.note_troubles(moment);
  -- These are planned anew each time, and most of the time they have nothing to do.
  if exists (select from public.incidents as i where i.closed_at is null) then
    perform public.leave_incidents(moment);
  end if;
  if exists (select from public.agent_troubles as t where t.incident_id is null and t.kind <> 'late') then
    perform public.join_incidents(moment);
  end if;
  perform public.note_own_incident(moment);
  if exists (select from public.incidents as i where i.closed_at is null) then
    perform public.close_incidents(moment);
    perform public.fill_outbox(moment);
  end if;
  select jsonb_agg(jsonb_build_object(
    'id', i.id, 'owner_id', i.owner_id, 'kind', i.kind, 'agents_count', i.agents_count, 'change', case
      when i.closed_at = moment then 'closed' when i.reopened_at = moment then 'opened again' else 'opened'
    end
  ) order by i.opened_at, i.id)
  into incidents
  from public.incidents as i
  where i.closed_at = moment
    or i.closed_at is null and (i.opened_at = moment or i.reopened_at = moment);
  if gap is null and agents is null and incidents is null then
    return null;
  end if;
  return jsonb_build_object('gap', gap, 'agents', agents, 'incidents', incidents);
end
$$;
comment on function public.tick(integer, timestamptz) is
  'To be called every every_seconds: notes that the server is there, and whether it was not; finds what has changed of the agents since the last time, writes the events, opens and closes incidents, and fills the outbox, all in one transaction. Returns {"gap": {from, to, seconds, clock_set_back}, "agents": [{kind, count, agents}], "incidents": [{id, owner_id, kind, agents_count, change}]}, each null where there is none; null where nothing has changed, or another run is under way. moment is now but in tests.';
revoke all on function public.tick(integer, timestamptz) from public, anon, authenticated;
grant execute on function public.tick(integer, timestamptz) to service_role;
