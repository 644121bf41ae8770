alter table public.agents add column adopted_from uuid;
create index agents_that_were_copies on public.agents (id) where adopted_from is not null;
comment on column public.agents.adopted_from is
  'The agent of which this one was a copy, until this one''s first handshake was noted there.';
grant select (adopted_from) on public.agents to authenticated;
grant insert (adopted_from), update (adopted_from) on public.agents to service_role;

-- The instances' own tables are written by handshakes, and by a beat only where another instance beat before it. They
-- refer to agent_beats, not to agents: a beat has locked its row there, and never waits for an act that has locked the
-- agent and waits for the beat.
create table public.agent_instances (
  agent_id uuid not null references public.agent_beats (agent_id) on delete cascade,
  instance_id uuid not null,
  place bigint generated always as identity,
  noted_at timestamptz not null default now(),
  hostname text,
  address text,
  supports text[] not null default '{}',
  last_seen_at timestamptz,
  adopted_as uuid references public.agents (id) on delete set null,
  adopted_at timestamptz,
  primary key (agent_id, instance_id),
  constraint instance_address_is_at_most_64_characters check (char_length(address) between 1 and 64)
);

create index agent_instances_by_identity on public.agent_instances (adopted_as) where adopted_as is not null;

comment on table public.agent_instances is
  'The last starts of each agent''s process, at most eight, by which a copied disk is seen: its two hosts beat in turn.';
comment on column public.agent_instances.place is 'Which one was there first.';
comment on column public.agent_instances.noted_at is
  'When this row was last written, by a handshake or by a beat after another instance''s. The oldest one makes room.';
comment on column public.agent_instances.hostname is 'Of its last handshake, as are address and supports.';
comment on column public.agent_instances.last_seen_at is
  'Its last beat, as far as another instance''s came after it. That of the instance that beat last is in agent_beats.';
comment on column public.agent_instances.adopted_as is
  'The agent that this copy is to become; null unless an operator adopted it.';

alter table public.agent_instances enable row level security;
revoke all on public.agent_instances from public, anon, authenticated, service_role;
create policy "the service role sees every instance"
  on public.agent_instances for select to service_role using (true);
create policy "the service role adds instances"
  on public.agent_instances for insert to service_role with check (true);
create policy "the service role notes what instances do"
  on public.agent_instances for update to service_role using (true) with check (true);
create policy "the service role forgets instances"
  on public.agent_instances for delete to service_role using (true);
grant select, delete on public.agent_instances to service_role;
grant insert (agent_id, instance_id, hostname, address, supports, last_seen_at)
  on public.agent_instances to service_role;
grant update (noted_at, hostname, address, supports, last_seen_at, adopted_as, adopted_at)
  on public.agent_instances to service_role;
-- Not granted: anything to authenticated, who see the copies in the Agent.

create table public.agent_turns (
  agent_id uuid not null references public.agent_beats (agent_id) on delete cascade,
  place bigint generated always as identity,
  instance_id uuid not null,
  seq bigint,
  at timestamptz not null,
  stopping boolean not null,
  primary key (agent_id, place)
);

comment on table public.agent_turns is
  'The ends of the last turns of an agent whose instances beat in turn: one row for each time that another one took over, of the last four intervals.';
comment on column public.agent_turns.seq is 'Of the turn''s last beat, as are at and stopping.';

alter table public.agent_turns enable row level security;
revoke all on public.agent_turns from public, anon, authenticated, service_role;
create policy "the service role sees every turn"
  on public.agent_turns for select to service_role using (true);
create policy "the service role adds turns"
  on public.agent_turns for insert to service_role with check (true);
create policy "the service role forgets turns"
  on public.agent_turns for delete to service_role using (true);
grant select, delete on public.agent_turns to service_role;
grant insert (agent_id, instance_id, seq, at, stopping) on public.agent_turns to service_role;
-- Not granted: update, to anybody.
