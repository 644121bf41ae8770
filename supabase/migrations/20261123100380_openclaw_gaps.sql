create table public.ticks (
  is_the_only_one boolean primary key default true,
  ticked_at timestamptz not null,
  every_seconds integer not null,
  constraint there_is_one_row check (is_the_only_one),
  constraint tick_comes_each_5_seconds_to_an_hour check (every_seconds between 5 and 3600)
);

comment on table public.ticks is
  'One row: when tick last ran, by the path that beats take. None where nothing calls it: then no gap is known.';
comment on column public.ticks.is_the_only_one is 'True: the key of a table that has one row.';
comment on column public.ticks.ticked_at is 'When it last ran, by the database''s clock.';
comment on column public.ticks.every_seconds is
  'After how many seconds its caller meant to call again; of several, the one that comes most often. Three times as long without a tick is a gap.';

alter table public.ticks enable row level security;
revoke all on public.ticks from public, anon, authenticated, service_role;
create policy "the service role sees the last tick"
  on public.ticks for select to service_role using (true);
create policy "the service role notes the first tick"
  on public.ticks for insert to service_role with check (true);
create policy "the service role notes each tick"
  on public.ticks for update to service_role using (true) with check (true);
grant select on public.ticks to service_role;
grant insert (ticked_at, every_seconds), update (ticked_at, every_seconds) on public.ticks to service_role;
-- Not granted: anything to anon and authenticated; delete, to anybody.

create table public.server_gaps (
  id bigint generated always as identity primary key,
  began_at timestamptz not null,
  ended_at timestamptz not null,
  excused_until timestamptz not null,
  constraint gap_ends_after_its_beginning check (began_at <= ended_at and ended_at <= excused_until)
);

create index server_gaps_by_end on public.server_gaps (excused_until);

comment on table public.server_gaps is
  'When no tick came: the server or the database was away, or a clock was set. Such a time is nobody''s silence. No two excuse the same time. A row is removed 30 days after its end.';
comment on column public.server_gaps.began_at is 'The last tick before it.';
comment on column public.server_gaps.ended_at is 'The first tick after it.';
comment on column public.server_gaps.excused_until is
  'Until when a silence is not counted: clients wait between tries, so they are not back at once.';

alter table public.server_gaps enable row level security;
revoke all on public.server_gaps from public, anon, authenticated, service_role;
-- fleet asks as its reader, and counts with it.
create policy "users read when the server was away"
  on public.server_gaps for select to authenticated using (true);
grant select on public.server_gaps to authenticated;
create policy "the service role sees every gap"
  on public.server_gaps for select to service_role using (true);
create policy "the service role notes gaps"
  on public.server_gaps for insert to service_role with check (true);
create policy "the service role shortens gaps that a later one covers"
  on public.server_gaps for update to service_role using (true) with check (true);
create policy "the service role forgets gaps"
  on public.server_gaps for delete to service_role using (true);
grant select, delete on public.server_gaps to service_role;
grant insert (began_at, ended_at, excused_until), update (ended_at, excused_until) on public.server_gaps to service_role;
-- Not granted: anything to anon.
