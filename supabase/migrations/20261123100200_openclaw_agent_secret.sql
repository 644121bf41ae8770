create domain public.secret_digest as text
  constraint secret_is_a_sha256_digest check (value ~ '^sha256:[0-9a-f]{64}$');
comment on domain public.secret_digest is '"sha256:" and the hex SHA-256 of a secret: what is kept in its place.';

create domain public.used_secret as text
  constraint last_secret_is_current_or_previous check (value in ('current', 'previous'));
comment on domain public.used_secret is 'Which of its secrets an agent used.';

create domain public.refusal_reason as text
  constraint last_refusal_is_one_we_know
    check (value in ('wrong_secret', 'expired_secret', 'no_secret', 'revoked', 'revoked_copy'));
comment on domain public.refusal_reason is 'Why a handshake in an agent''s name was refused.';

alter table public.agents
  add column agent_secret public.secret_digest,
  add column secret_created_at timestamptz,
  add column previous_secret public.secret_digest,
  add column previous_secret_created_at timestamptz,
  add column previous_secret_expires_at timestamptz,
  add column pending_secret public.secret_digest,
  add column pending_secret_created_at timestamptz,
  add column last_secret public.used_secret,
  add column revoked_at timestamptz,
  add column last_handshake_at timestamptz,
  add column handshakes_count bigint not null default 0,
  add column last_refused_at timestamptz,
  add column refused_handshakes_count bigint not null default 0,
  add column last_refusal public.refusal_reason,
  add constraint a_secret_has_its_time check (
    (secret_created_at is null or agent_secret is not null)
    and (previous_secret is null) = (previous_secret_expires_at is null)
    and (previous_secret_created_at is null or previous_secret is not null)
    and (pending_secret is null) = (pending_secret_created_at is null)
  ),
  add constraint an_agent_with_handshakes_has_a_last_one
    check ((last_handshake_at is null) = (handshakes_count = 0) and handshakes_count >= 0),
  add constraint an_agent_with_refusals_has_a_last_one
    check ((last_refused_at is null) = (refused_handshakes_count = 0) and refused_handshakes_count >= 0);

comment on column public.agents.agent_secret is
  '"sha256:" and the hex SHA-256 of the agent''s secret, never the secret. Null: this agent cannot shake hands.';
comment on column public.agents.previous_secret is
  'The digest of the secret before the last rotation. Good until its time has passed; kept after that, so that its use is told from a wrong one.';
comment on column public.agents.previous_secret_expires_at is
  '-infinity for a secret that ended at once: no clock that is set back makes it good again.';
comment on column public.agents.pending_secret is
  'The digest of the secret that the agent asked for and has not used yet. Its first handshake makes it the current one.';
comment on column public.agents.last_secret is
  'Which secret opened the last session: current or previous.';
comment on column public.agents.refused_handshakes_count is
  'Handshakes and rotations in this agent''s name that were refused, as far as the rate limit let them be counted.';
comment on column public.agents.last_refusal is
  'Why the last one was refused; the caller is never told.';

grant select (
  secret_created_at, previous_secret_expires_at, pending_secret_created_at, last_secret, revoked_at,
  last_handshake_at, handshakes_count, last_refused_at, refused_handshakes_count, last_refusal
) on public.agents to authenticated;
grant insert (agent_secret, secret_created_at) on public.agents to service_role;
grant update (
  agent_secret, secret_created_at, previous_secret, previous_secret_created_at, previous_secret_expires_at,
  pending_secret, pending_secret_created_at, last_secret, revoked_at,
  last_handshake_at, handshakes_count, last_refused_at, refused_handshakes_count, last_refusal
) on public.agents to service_role;
-- Not granted: the three digests to authenticated.
