create function public.labels_are_sound(labels jsonb)
  returns boolean language sql immutable set search_path = ''
  return case when jsonb_typeof(labels) = 'object' then (
    select count(*) <= 32 and coalesce(bool_and(
      l.key ~ '^[a-z0-9._-]{1,63}$'
      and jsonb_typeof(l.value) = 'string'
      and char_length(l.value #>> '{}') <= 255
      and l.value #>> '{}' !~ '[\u0001-\u001f\u007f-\u009f]'
    ), true)
    from jsonb_each(labels) as l
  ) else false end;
comment on function public.labels_are_sound(jsonb) is
  'Whether this is an object of at most 32 strings, as the contract has labels. For the domain.';
revoke all on function public.labels_are_sound(jsonb) from public, anon, authenticated;
grant execute on function public.labels_are_sound(jsonb) to service_role;

-- What one column may hold is said by its domain, which is checked where a value is given. A check of the table's is
-- looked at with every update of a row, and Postgres reads its text again for every statement that updates one.
create domain public.agent_name as text
  constraint name_is_1_to_100_characters_without_controls check (
    char_length(value) between 1 and 100
    and value !~ '[\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]'
  );
comment on domain public.agent_name is 'What an agent, key, code or channel is called: no characters that steer a terminal or turn text around.';

create domain public.labels as jsonb
  constraint labels_are_at_most_32_strings check (public.labels_are_sound(value));
comment on domain public.labels is 'An object of at most 32 strings, as the contract has labels.';

create domain public.heartbeat_interval as integer
  constraint heartbeat_interval_is_5_seconds_to_a_day check (value between 5 and 86400);
comment on domain public.heartbeat_interval is 'How often an agent is to beat, in seconds.';

create domain public.progress_deadline as integer
  constraint progress_deadline_is_10_seconds_to_a_week check (value between 10 and 604800);
comment on domain public.progress_deadline is 'For how long the work of a busy agent may stand still, in seconds.';

create domain public.client_abilities as text[]
  constraint supports_is_at_most_16_words check (
    value = '{}' or cardinality(value) <= 16 and array_to_string(value, ',', '-') ~ '^[a-z_]{1,32}(,[a-z_]{1,32})*$'
  );
comment on domain public.client_abilities is 'What a client says that it can do: words.';

create domain public.client_text as text
  constraint client_text_is_1_to_255_characters_without_controls
    check (char_length(value) between 1 and 255 and value !~ '[\u0001-\u001f\u007f-\u009f]');
comment on domain public.client_text is 'What a client says of itself and of its host: version, hostname, os, arch.';

-- A handshake changes one row in place: room on every page, and no index on what it changes, keep that update on its
-- page (a HOT update).
create table public.agents (
  id uuid primary key default gen_random_uuid(),
  owner_id uuid references auth.users (id) on delete cascade,
  name public.agent_name not null,
  labels public.labels not null default '{}',
  heartbeat_interval_seconds public.heartbeat_interval not null default 60,
  progress_deadline_seconds public.progress_deadline,
  created_at timestamptz not null default now(),
  muted_until timestamptz,
  restored_at timestamptz,
  supports public.client_abilities not null default '{}',
  version public.client_text,
  hostname public.client_text,
  os public.client_text,
  arch public.client_text
) with (fillfactor = 70);

create index agents_of_an_owner on public.agents (owner_id);
create index agents_by_name on public.agents (name, id);
create index agents_by_creation on public.agents (created_at, id);

comment on table public.agents is
  'Who may call itself alive, and what it is. What its heartbeats change is in agent_beats; fleet shows both. Written only by the service role''s functions.';
comment on column public.agents.owner_id is
  'The Supabase user whose agent this is; null when a secret API key made it. Goes with its user.';
comment on column public.agents.restored_at is
  'When an operator last took a revocation back. Until the next beat the agent is pending.';
comment on column public.agents.supports is
  'What the client can do beyond the rules that all follow, as its last handshake said: rotate, adopt.';

alter table public.agents enable row level security;
revoke all on public.agents from public, anon, authenticated, service_role;

create policy "owners read their own agents"
  on public.agents for select to authenticated
  using (owner_id = (select auth.uid()));
grant select (
  id, owner_id, name, labels, heartbeat_interval_seconds, progress_deadline_seconds, created_at, muted_until,
  restored_at, supports, version, hostname, os, arch
) on public.agents to authenticated;

-- On Supabase the service role passes row-level security by itself. Elsewhere it may not (making such a
-- role takes a superuser), so what it may do is said here too.
create policy "the service role sees every agent"
  on public.agents for select to service_role using (true);
create policy "the service role creates agents"
  on public.agents for insert to service_role with check (true);
create policy "the service role records what agents do"
  on public.agents for update to service_role using (true) with check (true);
create policy "the service role deletes agents"
  on public.agents for delete to service_role using (true);
grant select, delete on public.agents to service_role;
grant insert (owner_id, name, labels, heartbeat_interval_seconds, progress_deadline_seconds)
  on public.agents to service_role;
grant update (
  name, labels, heartbeat_interval_seconds, progress_deadline_seconds, muted_until, restored_at,
  supports, version, hostname, os, arch
) on public.agents to service_role;
-- Not granted: anything to anon; insert, update, delete to authenticated.
