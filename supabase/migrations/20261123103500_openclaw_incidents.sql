create table public.incidents (
  id uuid primary key default gen_random_uuid(),
  owner_id uuid references auth.users (id) on delete cascade,
  kind text not null,
  opened_at timestamptz not null,
  joined_at timestamptz not null,
  quiet_since timestamptz,
  closed_at timestamptz,
  reopened_at timestamptz,
  agents_count integer not null default 0,
  changes_count integer not null default 0,
  labels jsonb not null default '{}',
  version text,
  network text,
  reason text,
  first_beat_at timestamptz,
  last_beat_at timestamptz,
  longest_interval_seconds integer,
  acknowledged_at timestamptz,
  acknowledged_by text,
  constraint incident_kind_is_one_we_know check (kind in ('offline', 'stalled', 'unhealthy', 'copy', 'server')),
  constraint incident_that_is_closed_is_quiet check (closed_at is null or quiet_since is not null),
  constraint incident_acknowledgement_has_a_time_and_a_name
    check ((acknowledged_at is null) = (acknowledged_by is null))
);

create index incidents_by_opening on public.incidents (opened_at, id);
create index incidents_of_an_owner on public.incidents (owner_id, opened_at, id);
create index incidents_that_are_open on public.incidents (kind, owner_id) where closed_at is null;
create index incidents_by_closing on public.incidents (closed_at) where closed_at is not null;

comment on table public.incidents is
  'What was wrong with agents of one owner at one time, and why. tick opens and closes them, whether anybody is told or not. A row is removed 400 days after it was closed.';
comment on column public.incidents.owner_id is
  'The owner of its agents; null for agents that a secret API key made, and for the server. Goes with its user.';
comment on column public.incidents.kind is
  'What its agents are: offline, stalled, unhealthy or copy; or server: it was away more than three times in an hour.';
comment on column public.incidents.opened_at is 'When the first of its agents was found so.';
comment on column public.incidents.joined_at is 'When an agent was last added, or became so again.';
comment on column public.incidents.quiet_since is 'Since when none of its agents is so; null while one is.';
comment on column public.incidents.closed_at is
  'When none of its agents had been so for a minute; null while it is open.';
comment on column public.incidents.reopened_at is 'When one of its agents became so again after it was closed; null if none did.';
comment on column public.incidents.agents_count is 'How many agents were ever in it.';
comment on column public.incidents.changes_count is 'How often the agent of it that changed most has become so again.';
comment on column public.incidents.labels is 'The labels that all its agents have in common.';
comment on column public.incidents.version is 'The version that all its agents have; null where they differ or one has none.';
comment on column public.incidents.network is
  'The network that all its agents shook hands from: the first 24 bits of an IPv4 address, 64 of an IPv6 one; null where they differ.';
comment on column public.incidents.reason is
  'What else is known of it, in words: what an unhealthy agent said, or how often the server was away.';
comment on column public.incidents.first_beat_at is
  'Of the last beats that its agents had made when they were added, the earliest. Others whose last beat is near join it.';
comment on column public.incidents.last_beat_at is 'Of the same beats, the latest.';
comment on column public.incidents.longest_interval_seconds is 'The longest interval of its agents.';
comment on column public.incidents.acknowledged_at is 'When somebody said that they know of it: no more reminders.';
comment on column public.incidents.acknowledged_by is 'Who did, as the actor of an event.';

alter table public.incidents enable row level security;
revoke all on public.incidents from public, anon, authenticated, service_role;
create policy "owners read their own incidents"
  on public.incidents for select to authenticated
  using (owner_id = (select auth.uid()));
grant select on public.incidents to authenticated;
create policy "the service role sees every incident"
  on public.incidents for select to service_role using (true);
create policy "the service role opens incidents"
  on public.incidents for insert to service_role with check (true);
create policy "the service role notes what becomes of incidents"
  on public.incidents for update to service_role using (true) with check (true);
create policy "the service role removes old incidents"
  on public.incidents for delete to service_role using (true);
grant select, delete on public.incidents to service_role;
grant insert (owner_id, kind, opened_at, joined_at, reason) on public.incidents to service_role;
grant update (
  opened_at, joined_at, quiet_since, closed_at, reopened_at, agents_count, changes_count, labels, version, network, reason,
  first_beat_at, last_beat_at, longest_interval_seconds, acknowledged_at, acknowledged_by
) on public.incidents to service_role;
-- Not granted: anything to anon; insert, update, delete to authenticated.

create table public.incident_agents (
  incident_id uuid not null references public.incidents (id) on delete cascade,
  agent_id uuid not null,
  agent_name text not null,
  joined_at timestamptz not null,
  left_at timestamptz,
  returns_count integer not null default 0,
  primary key (incident_id, agent_id)
);

create index incident_agents_of_an_agent on public.incident_agents (agent_id);
create index incident_agents_that_are_so on public.incident_agents (incident_id) where left_at is null;

comment on table public.incident_agents is
  'Which agents an incident is about. A row stays when its agent recovers or is deleted, and goes with the incident.';
comment on column public.incident_agents.incident_id is 'The incident.';
comment on column public.incident_agents.agent_id is 'The agent, which may be deleted by now.';
comment on column public.incident_agents.agent_name is 'The agent''s name when it was added.';
comment on column public.incident_agents.joined_at is 'When it was added.';
comment on column public.incident_agents.left_at is
  'Since when it is not so: it recovered, or was stopped, muted, revoked or deleted. Null while it is.';
comment on column public.incident_agents.returns_count is 'How often it became so again.';

alter table public.incident_agents enable row level security;
revoke all on public.incident_agents from public, anon, authenticated, service_role;
create policy "owners read which agents their own incidents are about"
  on public.incident_agents for select to authenticated
  using (incident_id in (select i.id from public.incidents as i where i.owner_id = (select auth.uid())));
grant select on public.incident_agents to authenticated;
create policy "the service role sees the agents of every incident"
  on public.incident_agents for select to service_role using (true);
create policy "the service role adds agents to incidents"
  on public.incident_agents for insert to service_role with check (true);
create policy "the service role notes which agents are so"
  on public.incident_agents for update to service_role using (true) with check (true);
grant select on public.incident_agents to service_role;
grant insert (incident_id, agent_id, agent_name, joined_at), update (left_at, returns_count)
  on public.incident_agents to service_role;
-- Not granted: anything to anon; insert, update, delete to authenticated.

-- No column refers to another table: tick never waits for somebody who deletes an agent, and removes the rows of those
-- that are gone.
create table public.agent_troubles (
  agent_id uuid not null,
  kind text not null,
  noted_at timestamptz not null,
  incident_id uuid,
  primary key (agent_id, kind),
  constraint trouble_is_one_we_know check (kind in ('late', 'offline', 'stalled', 'unhealthy', 'copy'))
);

create index agent_troubles_without_an_incident on public.agent_troubles (agent_id, kind) where incident_id is null;

comment on table public.agent_troubles is
  'The last noted word of each agent that is not well: what tick has written an event of, and compares with what is so now. An agent that is well has no row.';
comment on column public.agent_troubles.agent_id is 'The agent, which may be deleted until the next tick.';
comment on column public.agent_troubles.kind is
  'late, offline, stalled or unhealthy, of which an agent has one at most; and copy.';
comment on column public.agent_troubles.noted_at is 'When that was noted.';
comment on column public.agent_troubles.incident_id is
  'The incident that it belongs to; null for late, and while the agent is muted.';

alter table public.agent_troubles enable row level security;
revoke all on public.agent_troubles from public, anon, authenticated, service_role;
create policy "the service role sees what is noted of agents"
  on public.agent_troubles for select to service_role using (true);
create policy "the service role notes that agents are not well"
  on public.agent_troubles for insert to service_role with check (true);
create policy "the service role notes what becomes of agents that are not well"
  on public.agent_troubles for update to service_role using (true) with check (true);
create policy "the service role forgets what agents were"
  on public.agent_troubles for delete to service_role using (true);
grant select, delete on public.agent_troubles to service_role;
grant insert (agent_id, kind, noted_at), update (incident_id) on public.agent_troubles to service_role;
-- Not granted: anything to anon and authenticated.
