create function public.agents_in_numbers(owner_id uuid)
  returns jsonb language plpgsql stable set search_path = '' as $$
declare
  result jsonb;
begin
  -- Compiling this statement takes several times as long as running it.
  perform set_config('jit', 'off', true);
  execute format($sql$
    select jsonb_build_object(
      'agents', coalesce(jsonb_object_agg(counted.liveness, counted.agents), '{}'),
      'unhealthy', coalesce(sum(counted.unhealthy), 0),
      'muted', coalesce(sum(counted.muted), 0),
      'copies', coalesce(sum(counted.copies), 0),
      'heartbeats', coalesce(sum(counted.heartbeats), 0),
      'handshakes', coalesce(sum(counted.handshakes), 0),
      'refused_handshakes', coalesce(sum(counted.refused), 0)
    )
    from (
      select
        l.liveness,
        count(*) as agents,
        count(*) filter (where b.status = 'unhealthy' and l.liveness in ('online', 'late')) as unhealthy,
        count(*) filter (where a.muted_until > m.moment) as muted,
        sum(cardinality(b.copies)) filter (where l.liveness <> 'revoked') as copies,
        sum(b.heartbeats_count) as heartbeats,
        sum(a.handshakes_count) as handshakes,
        sum(a.refused_handshakes_count) as refused
      from public.agents as a
      join public.agent_beats as b on b.agent_id = a.id
      cross join lateral (select now() as moment) as m
      cross join lateral (select %s as liveness) as l
      where $1 is null or a.owner_id = $1
      group by l.liveness
    ) as counted
  $sql$, public.expression_of('public.agent_liveness'::regproc::regprocedure))
  into result
  using owner_id;
  return result;
end
$$;
comment on function public.agents_in_numbers(uuid) is
  'An owner''s agents (null: all) in numbers: {"agents": by liveness, "unhealthy", "muted", "copies", and of those that are there the sums of "heartbeats", "handshakes", "refused_handshakes"}.';
revoke all on function public.agents_in_numbers(uuid) from public, anon, authenticated;
grant execute on function public.agents_in_numbers(uuid) to service_role;

create function public.count_agents()
  returns jsonb language sql stable set search_path = ''
  return public.agents_in_numbers(null) -> 'agents';
comment on function public.count_agents() is
  'How many agents there are of each liveness as of now: {"online": 40, "late": 2}. A liveness of no agent is left out.';
revoke all on function public.count_agents() from public, anon, authenticated;
grant execute on function public.count_agents() to service_role;

create function public.fleet_metrics(owner_id uuid)
  returns jsonb language sql stable set search_path = ''
  return public.agents_in_numbers(owner_id) || jsonb_build_object(
    'incidents', coalesce((
      select jsonb_object_agg(counted.kind, counted.incidents)
      from (
        select i.kind, count(*) as incidents from public.incidents as i
        where i.closed_at is null and (fleet_metrics.owner_id is null or i.owner_id = fleet_metrics.owner_id)
        group by i.kind
      ) as counted
    ), '{}'),
    'deliveries', coalesce((
      select jsonb_object_agg(counted.state, counted.deliveries)
      from (
        select d.state, count(*) as deliveries
        from public.deliveries as d join public.channels as c on c.id = d.channel_id
        where fleet_metrics.owner_id is null or c.owner_id = fleet_metrics.owner_id
        group by d.state
      ) as counted
    ), '{}')
  );
comment on function public.fleet_metrics(uuid) is
  'An owner''s agents (null: all) in numbers: {"agents": by liveness, "unhealthy", "muted", "copies", and of those that are there the sums of "heartbeats", "handshakes", "refused_handshakes"; "incidents" that are open, by kind; "deliveries" by state}.';
revoke all on function public.fleet_metrics(uuid) from public, anon, authenticated;
grant execute on function public.fleet_metrics(uuid) to service_role;
