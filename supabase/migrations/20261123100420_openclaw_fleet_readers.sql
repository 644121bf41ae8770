create function public.let_read_fleet(reader regrole)
  returns void language plpgsql volatile set search_path = '' as $$
declare
  -- The name of a role, quoted where it has to be.
  name constant text := reader::text;
  relation text;
begin
  if name in ('anon', 'authenticated', 'service_role') then
    raise exception 'Cannot use %: expected a role that is none of the API''s', name using errcode = '22023';
  end if;
  -- The second time, the policies are made anew.
  perform set_config('client_min_messages', 'warning', true);
  execute format('grant usage on schema public to %s', name);
  execute format('grant select on public.fleet to %s', name);
  -- The view asks as its reader, who so needs what it reads, and what it calls.
  execute format($sql$
    grant select (
      id, name, labels, owner_id, heartbeat_interval_seconds, progress_deadline_seconds, hostname, os, arch, version,
      muted_until, last_handshake_at, handshakes_count, secret_created_at, previous_secret_expires_at, last_secret,
      last_refused_at, refused_handshakes_count, last_refusal, created_at, revoked_at, restored_at
    ) on public.agents to %s
  $sql$, name);
  execute format($sql$
    grant select (
      agent_id, status, message, metrics, last_seen_at, online_since, back_at, busy, last_progress_at, deadline_from,
      heartbeats_count, clock_offset_seconds
    ) on public.agent_beats to %s
  $sql$, name);
  execute format('grant select (began_at, excused_until) on public.server_gaps to %s', name);
  execute format('grant execute on function public.agent_liveness, public.agent_liveness_since to %s', name);
  foreach relation in array array['agents', 'agent_beats', 'server_gaps'] loop
    execute format('drop policy if exists %I on public.%I', 'fleet for ' || name, relation);
    execute format('create policy %I on public.%I for select to %s using (true)', 'fleet for ' || name, relation, name);
  end loop;
end
$$;
comment on function public.let_read_fleet(regrole) is
  'Lets a role read the view fleet, all rows of it, and nothing else: for Grafana and the like, not for the API''s roles. To be called by the owner of the tables. Twice is allowed.';
revoke all on function public.let_read_fleet(regrole) from public, anon, authenticated;
grant execute on function public.let_read_fleet(regrole) to service_role;

create function public.stop_reading_fleet(reader regrole)
  returns void language plpgsql volatile set search_path = '' as $$
declare
  name constant text := reader::text;
  relation text;
begin
  if name in ('anon', 'authenticated', 'service_role') then
    raise exception 'Cannot use %: expected a role that is none of the API''s', name using errcode = '22023';
  end if;
  perform set_config('client_min_messages', 'warning', true);
  foreach relation in array array['agents', 'agent_beats', 'server_gaps'] loop
    execute format('drop policy if exists %I on public.%I', 'fleet for ' || name, relation);
    -- What was granted by columns goes with what is revoked as a whole.
    execute format('revoke select on public.%I from %s', relation, name);
  end loop;
  execute format('revoke select on public.fleet from %s', name);
  execute format('revoke execute on function public.agent_liveness, public.agent_liveness_since from %s', name);
  execute format('revoke usage on schema public from %s', name);
end
$$;
comment on function public.stop_reading_fleet(regrole) is
  'Takes back what let_read_fleet gave to a role, which can be dropped then. To be called by the owner of the tables. Twice is allowed.';
revoke all on function public.stop_reading_fleet(regrole) from public, anon, authenticated;
grant execute on function public.stop_reading_fleet(regrole) to service_role;
