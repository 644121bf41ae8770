create function public.agent_liveness(
  revoked_at timestamptz, restored_at timestamptz, last_seen_at timestamptz, status text, back_at timestamptz,
  busy boolean, deadline_from timestamptz, heartbeat_interval_seconds integer, progress_deadline_seconds integer,
  moment timestamptz default now()
)
  returns text language sql stable set search_path = ''
  return case
    when revoked_at is not null then 'revoked'
    when last_seen_at is null or last_seen_at <= restored_at then 'pending'
    when status = 'stopping'
      and (moment - back_at > heartbeat_interval_seconds * interval '1.1 s' + interval '15 s') is not true
    then 'stopped'
    -- A beat of the future is no proof of life: the clock that it was recorded by was ahead.
    when last_seen_at > moment + interval '5 seconds' then 'late'
    when moment - greatest(last_seen_at, back_at) <= heartbeat_interval_seconds * interval '1.1 s' + interval '15 s' then
      case
        when busy and moment - deadline_from >= make_interval(secs => progress_deadline_seconds) then 'stalled'
        else 'online'
      end
    when moment - greatest(last_seen_at, back_at) <= heartbeat_interval_seconds * interval '3 s' + interval '15 s' then 'late'
    -- The time that the server was away delays offline; it keeps nobody online.
    when moment - greatest(last_seen_at, back_at) - (
      select coalesce(sum(least(g.excused_until, moment) - greatest(g.began_at, last_seen_at, back_at)), interval '0')
      from public.server_gaps as g where g.excused_until > greatest(last_seen_at, back_at) and g.began_at < moment
    ) <= heartbeat_interval_seconds * interval '3 s' + interval '15 s' then 'late'
    else 'offline'
  end;
comment on function public.agent_liveness(
  timestamptz, timestamptz, timestamptz, text, timestamptz, boolean, timestamptz, integer, integer, timestamptz
) is 'Whether an agent is revoked, pending, stopped, stalled, online, late or offline at a moment. Nothing stores it.';
revoke all on function public.agent_liveness(
  timestamptz, timestamptz, timestamptz, text, timestamptz, boolean, timestamptz, integer, integer, timestamptz
) from public, anon;
-- A view calls its functions in its reader's name: who may read `fleet` needs this one, and what
-- it reads.
grant execute on function public.agent_liveness(
  timestamptz, timestamptz, timestamptz, text, timestamptz, boolean, timestamptz, integer, integer, timestamptz
) to authenticated, service_role;

create function public.agent_liveness_since(
  liveness text, revoked_at timestamptz, restored_at timestamptz, last_seen_at timestamptz, back_at timestamptz,
  deadline_from timestamptz, online_since timestamptz, created_at timestamptz, heartbeat_interval_seconds integer,
  progress_deadline_seconds integer, moment timestamptz default now()
)
  returns timestamptz language sql stable set search_path = ''
  -- What a clock that was ahead has stamped is so since now at the latest.
  return least(moment, case liveness
    when 'revoked' then revoked_at
    when 'pending' then coalesce(restored_at, created_at)
    when 'stopped' then last_seen_at
    when 'online' then online_since
    when 'stalled' then greatest(online_since, deadline_from + make_interval(secs => progress_deadline_seconds))
    when 'late' then greatest(last_seen_at, back_at) + heartbeat_interval_seconds * interval '1.1 s' + interval '15 s'
    when 'offline' then greatest(last_seen_at, back_at) + heartbeat_interval_seconds * interval '3 s' + interval '15 s'
  end);
comment on function public.agent_liveness_since(
  text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, integer, integer,
  timestamptz
) is 'Since when an agent has the liveness that agent_liveness says. Nothing stores it.';
revoke all on function public.agent_liveness_since(
  text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, integer, integer,
  timestamptz
) from public, anon;
grant execute on function public.agent_liveness_since(
  text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, integer, integer,
  timestamptz
) to authenticated, service_role;

create view public.fleet with (security_invoker = true) as
  select
    a.id,
    a.name,
    l.liveness,
    public.agent_liveness_since(
      l.liveness, a.revoked_at, a.restored_at, b.last_seen_at, b.back_at, b.deadline_from, b.online_since,
      a.created_at, a.heartbeat_interval_seconds, a.progress_deadline_seconds
    ) as liveness_since,
    b.status,
    b.message,
    case when b.last_seen_at > now() then interval '0' else date_trunc('second', now() - b.last_seen_at) end
      as silent_for,
    b.last_seen_at,
    b.back_at,
    b.busy,
    b.last_progress_at,
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
      a.revoked_at, a.restored_at, b.last_seen_at, b.status, b.back_at, b.busy, b.deadline_from,
      a.heartbeat_interval_seconds, a.progress_deadline_seconds
    ) as liveness
  ) as l;

comment on view public.fleet is
  'The agents, what their heartbeats said, and their liveness as of now. Everybody sees in it what they may see in agents and agent_beats.';
comment on column public.fleet.id is 'The agent''s id, by which it shakes hands.';
comment on column public.fleet.name is 'What people call it. Two agents may have the same name.';
comment on column public.fleet.liveness is 'online, late, offline, stalled, pending, stopped or revoked, as of now.';
comment on column public.fleet.liveness_since is 'Since when it is so.';
comment on column public.fleet.status is 'What it said of itself last: healthy, degraded, unhealthy or stopping. Null before its first heartbeat.';
comment on column public.fleet.message is 'What it said beside its status, or null.';
comment on column public.fleet.silent_for is 'How long ago its last heartbeat came. Null before the first one.';
comment on column public.fleet.last_seen_at is 'When its last heartbeat was recorded.';
comment on column public.fleet.back_at is 'When it means to be back, if it said that it stops, and for how long.';
comment on column public.fleet.busy is 'Whether it had work at its last heartbeat. Null where that said nothing of work.';
comment on column public.fleet.last_progress_at is 'When the number that its work is told by changed last.';
comment on column public.fleet.heartbeat_interval_seconds is 'How often it has to beat.';
comment on column public.fleet.progress_deadline_seconds is 'How long its work may stand still while it is busy. Null for any time.';
comment on column public.fleet.hostname is 'Its host, as its last handshake said.';
comment on column public.fleet.os is 'The host''s operating system, as its last handshake said.';
comment on column public.fleet.arch is 'The host''s processor, as its last handshake said.';
comment on column public.fleet.version is 'The version of its program, as its last handshake said.';
comment on column public.fleet.labels is 'What operators sort it by: texts by key.';
comment on column public.fleet.metrics is 'The numbers of its last heartbeat, by name.';
comment on column public.fleet.heartbeats_count is 'How many of its heartbeats were recorded.';
comment on column public.fleet.clock_offset_seconds is 'How far its clock was ahead of the server''s. Below 0: behind.';
comment on column public.fleet.muted_until is 'Until when nobody is told of it. Null when it was never muted.';
comment on column public.fleet.last_handshake_at is 'When it opened its last session.';
comment on column public.fleet.handshakes_count is 'How many sessions it has opened.';
comment on column public.fleet.secret_created_at is 'When its current secret was made.';
comment on column public.fleet.previous_secret_expires_at is 'Until when the secret before that one is good, too.';
comment on column public.fleet.last_secret is 'Which of its secrets opened the last session: current or previous.';
comment on column public.fleet.last_refused_at is 'When a handshake in its name was refused last.';
comment on column public.fleet.refused_handshakes_count is 'How many handshakes in its name were refused.';
comment on column public.fleet.last_refusal is 'Why the last one was refused.';
comment on column public.fleet.owner_id is 'The Supabase user whose agent it is. Null: a secret API key made it.';
comment on column public.fleet.created_at is 'When it was made.';
comment on column public.fleet.revoked_at is 'When an operator revoked it, or null.';
revoke all on public.fleet from public, anon, authenticated, service_role;
grant select on public.fleet to authenticated, service_role;
