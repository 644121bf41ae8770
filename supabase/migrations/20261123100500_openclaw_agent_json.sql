-- In plpgsql, as agent_json calls it eleven times a row: what it calls in SQL is planned anew for each row.
create function public.rfc3339(moment timestamptz)
  returns text language plpgsql stable set search_path = '' as $$
begin
  return to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
end
$$;
comment on function public.rfc3339(timestamptz) is
  'The moment in UTC with milliseconds, whatever time zone the connection has.';
revoke all on function public.rfc3339(timestamptz) from public, anon, authenticated;
grant execute on function public.rfc3339(timestamptz) to service_role;

create function public.agent_copies(beats public.agent_beats)
  returns jsonb language plpgsql stable set search_path = '' as $$
begin
  if beats.copies = '{}' then
    return '[]'::jsonb;
  end if;
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'instance_id', i.instance_id, 'hostname', i.hostname, 'address', i.address,
      'last_seen_at', public.rfc3339(s.last_seen_at)
    ) order by i.place), '[]')
    from public.agent_instances as i
    cross join lateral (
      select case when i.instance_id = beats.last_instance_id then beats.last_seen_at else i.last_seen_at end
        as last_seen_at
    ) as s
    where i.agent_id = beats.agent_id and i.instance_id = any (beats.copies)
      and s.last_seen_at > now() - interval '1 day'
  );
end
$$;
comment on function public.agent_copies(public.agent_beats) is
  'The contract''s copies of an Agent: [{instance_id, hostname, address, last_seen_at}] of the last day.';
revoke all on function public.agent_copies(public.agent_beats) from public, anon, authenticated;
grant execute on function public.agent_copies(public.agent_beats) to service_role;

create function public.agent_json(agent public.agents)
  returns jsonb language sql stable set search_path = ''
  return (
    select jsonb_build_object(
      'id', agent.id,
      'owner_id', agent.owner_id,
      'name', agent.name,
      'labels', agent.labels,
      'heartbeat_interval_seconds', agent.heartbeat_interval_seconds,
      'progress_deadline_seconds', agent.progress_deadline_seconds,
      'status', b.status,
      'message', b.message,
      'liveness', l.liveness,
      'liveness_since', public.rfc3339(public.agent_liveness_since(
        l.liveness, agent.revoked_at, agent.restored_at, b.last_seen_at, b.back_at, b.deadline_from, b.online_since,
        agent.created_at, agent.heartbeat_interval_seconds, agent.progress_deadline_seconds
      )),
      'last_seen_at', public.rfc3339(b.last_seen_at),
      'back_at', public.rfc3339(b.back_at),
      'busy', b.busy,
      'last_progress_at', public.rfc3339(b.last_progress_at),
      'last_handshake_at', public.rfc3339(agent.last_handshake_at),
      'metrics', b.metrics,
      'version', agent.version,
      'hostname', agent.hostname,
      'os', agent.os,
      'arch', agent.arch,
      'clock_offset_seconds', b.clock_offset_seconds,
      'created_at', public.rfc3339(agent.created_at),
      'revoked_at', public.rfc3339(agent.revoked_at),
      'muted_until', public.rfc3339(agent.muted_until)
    ) || jsonb_build_object(
      'secret_created_at', public.rfc3339(agent.secret_created_at),
      'previous_secret_expires_at', public.rfc3339(
        case when agent.previous_secret_expires_at > now() then agent.previous_secret_expires_at end
      ),
      'last_secret', agent.last_secret,
      'rotation', case
        when agent.pending_secret is not null then 'under_way'
        when b.rotation_requested_at is not null then 'requested'
        when agent.handshakes_count > 0 and not 'rotate' = any (agent.supports) then 'unsupported'
        else 'none'
      end,
      'refused_handshakes_count', agent.refused_handshakes_count,
      'last_refused_at', public.rfc3339(agent.last_refused_at),
      'last_refusal', agent.last_refusal,
      'copies', public.agent_copies(b)
    )
    from public.agent_beats as b
    cross join lateral (
      select public.agent_liveness(
        agent.revoked_at, agent.restored_at, b.last_seen_at, b.status, b.back_at, b.busy, b.deadline_from,
        agent.heartbeat_interval_seconds, agent.progress_deadline_seconds
      ) as liveness
    ) as l
    where b.agent_id = agent.id
  );
comment on function public.agent_json(public.agents) is
  'The contract''s Agent, with what its beats said. Never the secret''s digest. Null for an agent that was deleted.';
revoke all on function public.agent_json(public.agents) from public, anon, authenticated;
grant execute on function public.agent_json(public.agents) to service_role;
