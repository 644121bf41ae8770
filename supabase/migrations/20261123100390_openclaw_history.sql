create table public.history_settings (
  is_the_only_one boolean primary key default true,
  days integer not null default 30,
  folded_until timestamptz not null default '-infinity',
  folding_until timestamptz,
  folded_agent uuid not null default '00000000-0000-0000-0000-000000000000',
  constraint there_is_one_row check (is_the_only_one),
  constraint history_is_kept_0_to_3650_days check (days between 0 and 3650)
);
insert into public.history_settings default values;

comment on table public.history_settings is 'One row: for how long history is kept, and how far beats were folded into it.';
comment on column public.history_settings.is_the_only_one is 'True: the key of a table that has one row.';
comment on column public.history_settings.days is
  'OPENCLAW_HISTORY_DAYS, as the last server or function that called keep_history has it; 0: no history is kept.';
comment on column public.history_settings.folded_until is 'The beats of before this hour were folded, those of all agents.';
comment on column public.history_settings.folding_until is
  'The hour until which beats are being folded; null where no round is under way.';
comment on column public.history_settings.folded_agent is 'The last agent, by id, that this round has come to.';

alter table public.history_settings enable row level security;
revoke all on public.history_settings from public, anon, authenticated, service_role;
create policy "the service role sees how long history is kept"
  on public.history_settings for select to service_role using (true);
create policy "the service role notes how long history is kept"
  on public.history_settings for update to service_role using (true) with check (true);
grant select on public.history_settings to service_role;
grant update (days, folded_until, folding_until, folded_agent) on public.history_settings to service_role;
-- Not granted: anything to anon and authenticated; insert and delete, to anybody.

-- A beat adds one row here, and waits for nothing in it. No column refers to another table, and only the agent is
-- indexed.
create table public.history_beats (
  agent_id uuid not null,
  at timestamptz not null default now(),
  status smallint not null,
  metrics jsonb not null
);
create index history_beats_of_an_agent on public.history_beats (agent_id);

comment on table public.history_beats is
  'The beats of this hour, and those of the last one until keep_history has folded them. Rows are added and removed, never changed.';
comment on column public.history_beats.agent_id is 'The agent, which may be deleted by now.';
comment on column public.history_beats.at is 'When the beat was recorded, by the database''s clock.';
comment on column public.history_beats.status is 'What it said: 0 healthy, 1 stopping, 2 degraded, 3 unhealthy.';
comment on column public.history_beats.metrics is 'Its metrics.';

alter table public.history_beats enable row level security;
revoke all on public.history_beats from public, anon, authenticated, service_role;
create policy "the service role sees the beats of this hour"
  on public.history_beats for select to service_role using (true);
create policy "the service role adds beats to the history"
  on public.history_beats for insert to service_role with check (true);
create policy "the service role removes beats that were folded"
  on public.history_beats for delete to service_role using (true);
grant select, delete on public.history_beats to service_role;
grant insert (agent_id, status, metrics) on public.history_beats to service_role;
-- Not granted: anything to anon and authenticated; update, to anybody.

-- The hour comes first in the keys: what is added always comes at their end, and their pages are full. Who reads or
-- removes an agent's rows names the hours.
create table public.history_hours (
  agent_id uuid not null,
  hour_at timestamptz not null,
  known smallint not null,
  figures real[] not null,
  others text,
  primary key (hour_at, agent_id)
) partition by range (hour_at);

comment on table public.history_hours is
  'What each agent''s beats of one hour were, by quarters. Partitioned by day: keep_history adds the partitions, and drops them when they are too old.';
comment on column public.history_hours.agent_id is 'The agent, with which its rows go.';
comment on column public.history_hours.hour_at is 'The beginning of the hour.';
comment on column public.history_hours.known is
  'Which of history_names the figures have, the first one in the lowest bit.';
comment on column public.history_hours.figures is
  'Of each quarter, four times the count of its beats, plus its worst status (0 healthy, 1 stopping, 2 degraded, 3 unhealthy). Then, for each metric, the known ones first, twelve numbers: least, mean and most of each quarter.';
comment on column public.history_hours.others is
  'The names of the other metrics that the figures have, two at most, with a comma between.';

alter table public.history_hours enable row level security;
revoke all on public.history_hours from public, anon, authenticated, service_role;
create policy "the service role sees the history"
  on public.history_hours for select to service_role using (true);
create policy "the service role adds hours to the history"
  on public.history_hours for insert to service_role with check (true);
create policy "the service role removes the history of an agent"
  on public.history_hours for delete to service_role using (true);
grant select, delete on public.history_hours to service_role;
grant insert (agent_id, hour_at, known, figures, others) on public.history_hours to service_role;
-- Not granted: anything to anon and authenticated; update, to anybody.

create table public.history_minutes (
  agent_id uuid not null,
  hour_at timestamptz not null,
  minutes bytea not null,
  primary key (hour_at, agent_id)
) partition by range (hour_at);

comment on table public.history_minutes is
  'What each agent''s beats of one hour were, by minutes; kept for two days. Partitioned as history_hours is.';
comment on column public.history_minutes.agent_id is 'The agent, with which its rows go.';
comment on column public.history_minutes.hour_at is 'The beginning of the hour.';
comment on column public.history_minutes.minutes is
  'Of each minute two bytes, the higher one first: four times the count of its beats, at most 8191, plus its worst status.';

alter table public.history_minutes enable row level security;
revoke all on public.history_minutes from public, anon, authenticated, service_role;
create policy "the service role sees the minutes of the history"
  on public.history_minutes for select to service_role using (true);
create policy "the service role adds minutes to the history"
  on public.history_minutes for insert to service_role with check (true);
create policy "the service role removes the minutes of an agent"
  on public.history_minutes for delete to service_role using (true);
grant select, delete on public.history_minutes to service_role;
grant insert (agent_id, hour_at, minutes) on public.history_minutes to service_role;
-- Not granted: anything to anon and authenticated; update, to anybody.

create table public.agent_gaps (
  agent_id uuid not null references public.agent_beats (agent_id) on delete cascade,
  began_at timestamptz not null,
  ended_at timestamptz not null,
  reason text not null,
  detail jsonb not null default '{}',
  primary key (agent_id, ended_at),
  constraint gap_ends_after_its_beginning check (began_at < ended_at),
  constraint gap_reason_is_one_we_know
    check (reason in ('planned', 'server', 'host', 'suspended', 'network', 'agent', 'unknown'))
);
create index agent_gaps_by_end on public.agent_gaps (ended_at);

comment on table public.agent_gaps is
  'The silences of agents beyond what counts as online, and why. The beat that ends one adds it. Kept as long as the history is.';
comment on column public.agent_gaps.began_at is 'The last beat before it.';
comment on column public.agent_gaps.ended_at is 'The first beat after it.';
comment on column public.agent_gaps.reason is 'Why it was, as the contract has it.';
comment on column public.agent_gaps.detail is
  'What the reason was told from: unanswered_count (network), uptime_seconds (host, agent), back_in_seconds (planned).';

alter table public.agent_gaps enable row level security;
revoke all on public.agent_gaps from public, anon, authenticated, service_role;
create policy "the service role sees the gaps of agents"
  on public.agent_gaps for select to service_role using (true);
create policy "the service role notes the gaps of agents"
  on public.agent_gaps for insert to service_role with check (true);
create policy "the service role forgets old gaps of agents"
  on public.agent_gaps for delete to service_role using (true);
grant select, delete on public.agent_gaps to service_role;
grant insert (agent_id, began_at, ended_at, reason, detail) on public.agent_gaps to service_role;
-- Not granted: anything to anon and authenticated; update, to anybody.

-- The partitions stand in a schema of their own, so that no API that shows `public` shows them.
create schema openclaw_history;
comment on schema openclaw_history is 'The partitions of history_hours and history_minutes, a day each.';
revoke all on schema openclaw_history from public;

create function public.history_hours_kept()
  returns setof timestamptz language sql stable rows 720 set search_path = '' as $$
  select generate_series(
    date_trunc('day', now(), 'UTC') - make_interval(days => s.days + 1), now() + interval '1 day', interval '1 hour'
  )
  from public.history_settings as s
$$;
comment on function public.history_hours_kept() is 'The hours of which there may be history.';
revoke all on function public.history_hours_kept() from public, anon, authenticated;
grant execute on function public.history_hours_kept() to service_role;

create function public.remove_history()
  returns trigger language plpgsql volatile set search_path = '' as $$
begin
  delete from public.history_beats as b where b.agent_id = old.id;
  delete from public.history_hours as h using public.history_hours_kept() as kept (hour_at)
    where h.hour_at = kept.hour_at and h.agent_id = old.id;
  delete from public.history_minutes as m using public.history_hours_kept() as kept (hour_at)
    where m.hour_at = kept.hour_at and m.agent_id = old.id;
  return null;
end
$$;
comment on function public.remove_history() is
  'Removes the history of an agent that is deleted. Not by references: to drop a partition that has one locks the agents.';
revoke all on function public.remove_history() from public, anon, authenticated;
grant execute on function public.remove_history() to service_role;
create trigger history_goes_with_its_agent
  after delete on public.agents
  for each row execute function public.remove_history();
