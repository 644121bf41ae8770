alter table public.agents
  add column agent_secret text,
  add column session_epoch integer not null default 1,
  add column revoked_at timestamptz,
  add column last_handshake_at timestamptz,
  add column handshakes_count bigint not null default 0,
  add column last_refused_at timestamptz,
  add column refused_handshakes_count bigint not null default 0,
  add constraint agent_secret_is_a_sha256_digest check (agent_secret ~ '^sha256:[0-9a-f]{64}$'),
  add constraint session_epoch_is_positive check (session_epoch >= 1),
  add constraint an_agent_with_handshakes_has_a_last_one
    check ((last_handshake_at is null) = (handshakes_count = 0) and handshakes_count >= 0),
  add constraint an_agent_with_refusals_has_a_last_one
    check ((last_refused_at is null) = (refused_handshakes_count = 0) and refused_handshakes_count >= 0);

comment on column public.agents.agent_secret is
  '"sha256:" and the hex SHA-256 of the agent''s secret, never the secret. Null: this agent cannot shake hands.';
comment on column public.agents.session_epoch is
  'Every session carries the epoch it was opened in; raising it ends them all with their next heartbeat.';
comment on column public.agents.refused_handshakes_count is
  'Handshakes in this agent''s name that were refused, as far as the rate limit let them be counted.';

grant select (
  revoked_at, last_handshake_at, handshakes_count, last_refused_at, refused_handshakes_count
) on public.agents to authenticated;
grant insert (agent_secret) on public.agents to service_role;
grant update (
  session_epoch, revoked_at, last_handshake_at, handshakes_count, last_refused_at, refused_handshakes_count
) on public.agents to service_role;
-- Not granted: agent_secret and session_epoch to authenticated; agent_secret's update to anybody.
