create function public.agent_liveness(
  revoked_at timestamptz, last_seen_at timestamptz, status text, heartbeat_interval_seconds integer,
  moment timestamptz default now()
)
  returns text language sql stable set search_path = ''
  return case
    when revoked_at is not null then 'revoked'
    when last_seen_at is null then 'pending'
    when status = 'stopping' then 'stopped'
    -- A beat of the future is no proof of life: the clock that it was recorded by was ahead.
    when last_seen_at > moment + interval '5 seconds' then 'late'
    when moment - last_seen_at <= make_interval(secs => 1.1 * heartbeat_interval_seconds + 15) then 'online'
    when moment - last_seen_at <= make_interval(secs => 3 * heartbeat_interval_seconds + 15) then 'late'
    else 'offline'
  end;
comment on function public.agent_liveness(timestamptz, timestamptz, text, integer, timestamptz) is
  'Whether an agent is revoked, pending, stopped, online, late or offline at a moment. Nothing stores it.';
revoke all on function public.agent_liveness(timestamptz, timestamptz, text, integer, timestamptz)
  from public, anon;
-- A view calls its functions in its reader's name: who may read `fleet` needs this one. It reads no table.
grant execute on function public.agent_liveness(timestamptz, timestamptz, text, integer, timestamptz)
  to authenticated, service_role;

create view public.fleet with (security_invoker = true) as
  select
    id,
    name,
    public.agent_liveness(revoked_at, last_seen_at, status, heartbeat_interval_seconds) as liveness,
    status,
    message,
    case when last_seen_at > now() then interval '0' else date_trunc('second', now() - last_seen_at) end as silent_for,
    last_seen_at,
    heartbeat_interval_seconds,
    hostname,
    os,
    arch,
    version,
    labels,
    metrics,
    heartbeats_count,
    last_handshake_at,
    handshakes_count,
    last_refused_at,
    refused_handshakes_count,
    owner_id,
    created_at,
    revoked_at
  from public.agents;

comment on view public.fleet is
  'The agents with their liveness as of now. Everybody sees in it what they may see in agents.';
revoke all on public.fleet from public, anon, authenticated, service_role;
grant select on public.fleet to authenticated, service_role;
