create table public.enrollments (
  id uuid primary key default gen_random_uuid(),
  owner_id uuid references auth.users (id) on delete cascade,
  code_digest public.secret_digest not null,
  name public.agent_name not null,
  labels public.labels not null,
  heartbeat_interval_seconds public.heartbeat_interval not null,
  progress_deadline_seconds public.progress_deadline,
  uses integer not null,
  used integer not null default 0,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  revoked_at timestamptz,
  constraint enrollment_codes_differ unique (code_digest),
  constraint enrollment_has_1_to_10000_uses check (uses between 1 and 10000),
  constraint enrollment_is_used_at_most_as_often_as_it_may_be check (used between 0 and uses),
  constraint enrollment_expires_within_30_days
    check (expires_at > created_at and expires_at <= created_at + interval '30 days')
);

create index enrollments_of_an_owner on public.enrollments (owner_id, created_at, id);
create index enrollments_by_creation on public.enrollments (created_at, id);
create index enrollments_by_expiry on public.enrollments (expires_at);

comment on table public.enrollments is
  'Codes that make agents. A row is removed 30 days after its code expired, and its hosts with it.';
comment on column public.enrollments.owner_id is
  'The Supabase user whose agents it makes; null when a secret API key made it. Goes with its user.';
comment on column public.enrollments.code_digest is '"sha256:" and the hex SHA-256 of the code, never the code.';
comment on column public.enrollments.name is
  'What its agents are called: {hostname} in it stands for the host''s name.';
comment on column public.enrollments.used is 'How many agents it has made.';

alter table public.enrollments enable row level security;
revoke all on public.enrollments from public, anon, authenticated, service_role;

create policy "the service role sees every enrollment"
  on public.enrollments for select to service_role using (true);
create policy "the service role makes enrollments"
  on public.enrollments for insert to service_role with check (true);
create policy "the service role uses and revokes enrollments"
  on public.enrollments for update to service_role using (true) with check (true);
create policy "the service role removes old enrollments"
  on public.enrollments for delete to service_role using (true);
grant select, delete on public.enrollments to service_role;
grant insert (
  owner_id, code_digest, name, labels, heartbeat_interval_seconds, progress_deadline_seconds, uses, expires_at
) on public.enrollments to service_role;
grant update (used, revoked_at) on public.enrollments to service_role;
-- Not granted: anything to anon and authenticated; the functions answer their owners.

create table public.enrollment_hosts (
  enrollment_id uuid not null references public.enrollments (id) on delete cascade,
  host_digest public.secret_digest not null,
  agent_id uuid,
  hostname public.client_text,
  address text,
  step text,
  failed boolean not null default false,
  detail text,
  created_at timestamptz not null default now(),
  happened_at timestamptz not null default now(),
  constraint enrollment_host_is_once_in_its_enrollment primary key (enrollment_id, host_digest),
  constraint enrollment_host_address_is_at_most_64_characters check (char_length(address) between 1 and 64),
  constraint enrollment_step_is_a_word check (step ~ '^[a-z_]{1,32}$'),
  constraint enrollment_detail_is_at_most_500_characters_without_controls
    check (char_length(detail) <= 500 and detail !~ '[\u0001-\u001f\u007f-\u009f]')
);

comment on table public.enrollment_hosts is
  'The hosts that asked with a code: the agent that each one got, and how far its installer came. Goes with its enrollment.';
comment on column public.enrollment_hosts.host_digest is
  '"sha256:" and the hex SHA-256 of what the contract calls enrollment_id: the number that the host drew.';
comment on column public.enrollment_hosts.agent_id is
  'The agent that the host got, which may be deleted by now; null while it has none.';
comment on column public.enrollment_hosts.happened_at is 'When the host last enrolled or reported its progress.';

alter table public.enrollment_hosts enable row level security;
revoke all on public.enrollment_hosts from public, anon, authenticated, service_role;

create policy "the service role sees every host"
  on public.enrollment_hosts for select to service_role using (true);
create policy "the service role adds hosts"
  on public.enrollment_hosts for insert to service_role with check (true);
create policy "the service role records how far hosts came"
  on public.enrollment_hosts for update to service_role using (true) with check (true);
grant select on public.enrollment_hosts to service_role;
grant insert (enrollment_id, host_digest, agent_id, hostname, address, step, failed, detail, happened_at)
  on public.enrollment_hosts to service_role;
grant update (agent_id, hostname, address, step, failed, detail, happened_at)
  on public.enrollment_hosts to service_role;
-- Not granted: anything to anon and authenticated; delete, to anybody: hosts go with their enrollment.

create function public.enrollment_json(enrollment public.enrollments)
  returns jsonb language sql stable set search_path = ''
  return jsonb_build_object(
    'id', enrollment.id,
    'owner_id', enrollment.owner_id,
    'name', enrollment.name,
    'labels', enrollment.labels,
    'heartbeat_interval_seconds', enrollment.heartbeat_interval_seconds,
    'progress_deadline_seconds', enrollment.progress_deadline_seconds,
    'uses', enrollment.uses,
    'used', enrollment.used,
    'created_at', public.rfc3339(enrollment.created_at),
    'expires_at', public.rfc3339(enrollment.expires_at),
    'revoked_at', public.rfc3339(enrollment.revoked_at)
  );
comment on function public.enrollment_json(public.enrollments) is
  'An enrollment as an operator sees it. Never its code''s digest.';
revoke all on function public.enrollment_json(public.enrollments) from public, anon, authenticated;
grant execute on function public.enrollment_json(public.enrollments) to service_role;
