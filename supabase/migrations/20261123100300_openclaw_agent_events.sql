create table public.agent_events (
  id bigint generated always as identity primary key,
  agent_id uuid,
  owner_id uuid references auth.users (id) on delete cascade,
  agent_name text,
  happened_at timestamptz not null default now(),
  kind text not null,
  actor text not null,
  address text,
  detail jsonb not null default '{}',
  constraint kind_is_one_we_record check (kind in (
    'created', 'enrolled', 'first_handshake', 'edited', 'muted', 'revoked', 'restored', 'sessions_ended',
    'secret_rotated', 'rotation_requested', 'copy_seen', 'adopted', 'copy_revoked', 'deleted',
    'reader_key_created', 'reader_key_revoked', 'enrollment_created', 'enrollment_revoked',
    'channel_created', 'channel_edited', 'channel_removed', 'incident_acknowledged',
    'late', 'offline', 'stalled', 'unhealthy', 'recovered'
  )),
  constraint actor_is_one_we_know
    check (actor ~ '^(agent|server|user:[0-9a-f-]{36}|key:.{1,255}|enrollment:[0-9a-f-]{36})$'),
  constraint address_is_at_most_64_characters check (char_length(address) between 1 and 64),
  constraint detail_is_an_object check (jsonb_typeof(detail) = 'object')
);

create index agent_events_of_an_agent on public.agent_events (agent_id, id);
create index agent_events_of_an_owner on public.agent_events (owner_id, id);
create index agent_events_by_age on public.agent_events (happened_at);

comment on table public.agent_events is
  'What happened to an agent or around it, and who did it. Rows are added and never changed; none is made for a heartbeat.';
comment on column public.agent_events.agent_id is
  'The agent, which may be deleted by now; null where the event is not about one agent.';
comment on column public.agent_events.owner_id is
  'The owner at that time, who sees the event also after the agent was deleted.';
comment on column public.agent_events.agent_name is 'The agent''s name at that time.';
comment on column public.agent_events.actor is
  'agent; server, for what it saw by itself; user:<the Supabase user''s id>; key:<the secret API key''s name>; or enrollment:<id>, for an agent that a code made.';
comment on column public.agent_events.address is
  'The network address that the act came from, where the server knows it.';
comment on column public.agent_events.detail is
  'created: name, labels, interval. first_handshake: the client''s version, hostname, os, arch. edited: what changed.';

alter table public.agent_events enable row level security;
revoke all on public.agent_events from public, anon, authenticated, service_role;

create policy "owners read their own events"
  on public.agent_events for select to authenticated
  using (owner_id = (select auth.uid()));
grant select on public.agent_events to authenticated;

create policy "the service role sees every event"
  on public.agent_events for select to service_role using (true);
create policy "the service role adds events"
  on public.agent_events for insert to service_role with check (true);
grant select on public.agent_events to service_role;
grant insert (agent_id, owner_id, agent_name, kind, actor, address, detail) on public.agent_events to service_role;
-- Not granted: update and delete, to anybody: a stolen secret API key does not rewrite the past.

create function public.note_event(agent public.agents, kind text, act jsonb, detail jsonb default '{}')
  returns void language sql volatile set search_path = '' as $$
  insert into public.agent_events (agent_id, owner_id, agent_name, kind, actor, address, detail)
  values (
    agent.id, agent.owner_id, agent.name, note_event.kind, act ->> 'actor', act ->> 'address', note_event.detail
  )
$$;
comment on function public.note_event(public.agents, text, jsonb, jsonb) is
  'Adds the event of an act on one agent. act: {"actor": who, "address": from where, or null}.';
revoke all on function public.note_event(public.agents, text, jsonb, jsonb) from public, anon, authenticated;
grant execute on function public.note_event(public.agents, text, jsonb, jsonb) to service_role;
