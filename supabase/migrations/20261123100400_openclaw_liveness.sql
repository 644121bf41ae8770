create function public.agent_liveness(
  revoked_at timestamptz, restored_at timestamptz, last_seen_at timestamptz, status text,
  heartbeat_interval_seconds integer, moment timestamptz default now()
)
  returns text language sql stable set search_path = ''
  return case
    when revoked_at is not null then 'revoked'
    when last_seen_at is null or last_seen_at <= restored_at then 'pending'
    when status = 'stopping' then 'stopped'
    -- A beat of the future is no proof of life: the clock that it was recorded by was ahead.
    when last_seen_at > moment + interval '5 seconds' then 'late'
    when moment - last_seen_at <= make_interval(secs => 1.1 * heartbeat_interval_seconds + 15) then 'online'
    when moment - last_seen_at <= make_interval(secs => 3 * heartbeat_interval_seconds + 15) then 'late'
    else 'offline'
  end;
comment on function public.agent_liveness(timestamptz, timestamptz, timestamptz, text, integer, timestamptz) is
  'Whether an agent is revoked, pending, stopped, online, late or offline at a moment. Nothing stores it.';
revoke all on function public.agent_liveness(timestamptz, timestamptz, timestamptz, text, integer, timestamptz)
  from public, anon;
-- A view calls its functions in its reader's name: who may read `fleet` needs this one. It reads no table.
grant execute on function public.agent_liveness(timestamptz, timestamptz, timestamptz, text, integer, timestamptz)
  to authenticated, service_role;

create function public.agent_liveness_since(
  liveness text, revoked_at timestamptz, restored_at timestamptz, last_seen_at timestamptz,
  online_since timestamptz, created_at timestamptz, heartbeat_interval_seconds integer
)
  returns timestamptz language sql immutable set search_path = ''
  return case liveness
    when 'revoked' then revoked_at
    when 'pending' then coalesce(restored_at, created_at)
    when 'stopped' then last_seen_at
    when 'online' then online_since
    when 'late' then last_seen_at + make_interval(secs => 1.1 * heartbeat_interval_seconds + 15)
    when 'offline' then last_seen_at + make_interval(secs => 3 * heartbeat_interval_seconds + 15)
  end;
comment on function public.agent_liveness_since(
  text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, integer
) is 'Since when an agent has the liveness that agent_liveness says. Nothing stores it.';
revoke all on function public.agent_liveness_since(
  text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, integer
) from public, anon;
grant execute on function public.agent_liveness_since(
  text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, integer
) to authenticated, service_role;

create view public.fleet with (security_invoker = true) as
  select
    a.id,
    a.name,
    l.liveness,
    public.agent_liveness_since(
      l.liveness, a.revoked_at, a.restored_at, b.last_seen_at, b.online_since, a.created_at,
      a.heartbeat_interval_seconds
    ) as liveness_since,
    b.status,
    b.message,
    case when b.last_seen_at > now() then interval '0' else date_trunc('second', now() - b.last_seen_at) end
      as silent_for,
    b.last_seen_at,
    a.heartbeat_interval_seconds,
    a.progress_deadline_seconds,
    a.hostname,
    a.os,
    a.arch,
    a.version,
    a.labels,
    b.metrics,
    b.heartbeats_count,
    b.clock_offset_seconds,
    a.muted_until,
    a.last_handshake_at,
    a.handshakes_count,
    a.secret_created_at,
    a.previous_secret_expires_at,
    a.last_secret,
    a.last_refused_at,
    a.refused_handshakes_count,
    a.last_refusal,
    a.owner_id,
    a.created_at,
    a.revoked_at
  from public.agents as a
  join public.agent_beats as b on b.agent_id = a.id
  cross join lateral (
    select public.agent_liveness(
      a.revoked_at, a.restored_at, b.last_seen_at, b.status, a.heartbeat_interval_seconds
    ) as liveness
  ) as l;

comment on view public.fleet is
  'The agents, what their heartbeats said, and their liveness as of now. Everybody sees in it what they may see in agents and agent_beats.';
revoke all on public.fleet from public, anon, authenticated, service_role;
grant select on public.fleet to authenticated, service_role;
