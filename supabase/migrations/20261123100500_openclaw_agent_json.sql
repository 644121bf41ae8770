create function public.rfc3339(moment timestamptz)
  returns text language sql stable set search_path = ''
  return to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
comment on function public.rfc3339(timestamptz) is
  'The moment in UTC with milliseconds, whatever time zone the connection has.';
revoke all on function public.rfc3339(timestamptz) from public, anon, authenticated;
grant execute on function public.rfc3339(timestamptz) to service_role;

create function public.agent_json(agent public.agents)
  returns jsonb language sql stable set search_path = ''
  return jsonb_build_object(
    'id', agent.id,
    'owner_id', agent.owner_id,
    'name', agent.name,
    'labels', agent.labels,
    'heartbeat_interval_seconds', agent.heartbeat_interval_seconds,
    'status', agent.status,
    'message', agent.message,
    'liveness', public.agent_liveness(
      agent.revoked_at, agent.last_seen_at, agent.status, agent.heartbeat_interval_seconds
    ),
    'last_seen_at', public.rfc3339(agent.last_seen_at),
    'last_handshake_at', public.rfc3339(agent.last_handshake_at),
    'metrics', agent.metrics,
    'version', agent.version,
    'hostname', agent.hostname,
    'os', agent.os,
    'arch', agent.arch,
    'created_at', public.rfc3339(agent.created_at),
    'revoked_at', public.rfc3339(agent.revoked_at)
  );
comment on function public.agent_json(public.agents) is
  'The contract''s Agent. Never the secret''s digest.';
revoke all on function public.agent_json(public.agents) from public, anon, authenticated;
grant execute on function public.agent_json(public.agents) to service_role;
