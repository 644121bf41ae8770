-- fleet_metrics.
begin;
select no_plan();

insert into auth.users (id) values
  ('a0000000-0000-4000-8000-000000000001'), ('b0000000-0000-4000-8000-000000000002');
create temporary table told as
  select v.* from (values
    ('online', 'a0000000-0000-4000-8000-000000000001', now(), 'healthy', 10, null::timestamptz, null::timestamptz),
    ('unhealthy', 'a0000000-0000-4000-8000-000000000001', now(), 'unhealthy', 20, null, now() + interval '1 hour'),
    ('long gone, and was unhealthy', null, now() - interval '1 day', 'unhealthy', 30, null, now() - interval '1 hour'),
    ('revoked', null, now(), 'unhealthy', 40, now(), null),
    ('never seen', null, null, null, 0, null, null)
  ) as v (name, owner, last_seen_at, status, beats, revoked_at, muted_until);
insert into public.agents (name, owner_id, revoked_at, muted_until, handshakes_count, last_handshake_at, refused_handshakes_count, last_refused_at, last_refusal)
  select name, owner::uuid, revoked_at, muted_until, 2, now(), 3, now(), 'wrong_secret' from told;
update public.agent_beats as b
  set last_seen_at = t.last_seen_at, online_since = t.last_seen_at, heartbeats_count = t.beats, status = t.status,
    copies = array[gen_random_uuid()]
  from told as t join public.agents as a using (name)
  where b.agent_id = a.id and t.beats > 0;
insert into public.incidents (owner_id, kind, opened_at, joined_at, reason)
  select owner::uuid, kind, now(), now(), null from (values
    ('a0000000-0000-4000-8000-000000000001', 'offline'), (null, 'offline'), (null, 'server')
  ) as v (owner, kind);
set local role service_role;

select is(
  public.fleet_metrics(null),
  '{"agents": {"online": 2, "offline": 1, "revoked": 1, "pending": 1}, "unhealthy": 1, "muted": 1, "copies": 3,
    "heartbeats": 100, "handshakes": 10, "refused_handshakes": 15, "incidents": {"offline": 2, "server": 1}, "deliveries": {}}',
  'all agents: who is unhealthy beats, a mute of the past is none, and a revoked one has no copies'
);
select is(
  public.fleet_metrics('a0000000-0000-4000-8000-000000000001'),
  '{"agents": {"online": 2}, "unhealthy": 1, "muted": 1, "copies": 2, "heartbeats": 30, "handshakes": 4,
    "refused_handshakes": 6, "incidents": {"offline": 1}, "deliveries": {}}',
  'an owner''s'
);
select is(
  public.fleet_metrics('b0000000-0000-4000-8000-000000000002'),
  '{"agents": {}, "unhealthy": 0, "muted": 0, "copies": 0, "heartbeats": 0, "handshakes": 0,
    "refused_handshakes": 0, "incidents": {}, "deliveries": {}}',
  'an owner without agents has zeros'
);

select finish();
rollback;
