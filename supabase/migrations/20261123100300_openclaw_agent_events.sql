create table public.agent_events (
  id bigint generated always as identity primary key,
  agent_id uuid not null references public.agents (id) on delete cascade,
  happened_at timestamptz not null default now(),
  kind text not null,
  actor text not null,
  detail jsonb not null default '{}',
  constraint kind_is_one_we_record check (kind in ('created', 'first_handshake', 'revoked')),
  constraint actor_is_the_agent_a_user_or_a_key check (actor ~ '^(agent|user:[0-9a-f-]{36}|key:.{1,255})$'),
  constraint detail_is_an_object check (jsonb_typeof(detail) = 'object')
);

create index agent_events_of_an_agent on public.agent_events (agent_id, happened_at);

comment on table public.agent_events is
  'What happened to an agent and who did it. Rows are added and never changed; none is made for a heartbeat.';
comment on column public.agent_events.actor is
  'agent; user:<the Supabase user''s id>; or key:<the secret API key''s name>.';
comment on column public.agent_events.detail is
  'created: name, labels, interval. first_handshake: the client''s version, hostname, os, arch.';

alter table public.agent_events enable row level security;
revoke all on public.agent_events from public, anon, authenticated, service_role;

create policy "owners read the events of their own agents"
  on public.agent_events for select to authenticated
  using (exists (
    select 1 from public.agents
    where agents.id = agent_events.agent_id and agents.owner_id = (select auth.uid())
  ));
grant select on public.agent_events to authenticated;

create policy "the service role sees every event"
  on public.agent_events for select to service_role using (true);
create policy "the service role adds events"
  on public.agent_events for insert to service_role with check (true);
grant select on public.agent_events to service_role;
grant insert (agent_id, kind, actor, detail) on public.agent_events to service_role;
-- Not granted: update and delete, to anybody: the table only grows, and goes with its agent.
