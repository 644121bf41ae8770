create function public.count_agents()
  returns jsonb language sql stable set search_path = '' as $$
  select coalesce(jsonb_object_agg(counted.liveness, counted.agents), '{}')
  from (select f.liveness, count(*) as agents from public.fleet as f group by f.liveness) as counted
$$;
comment on function public.count_agents() is
  'How many agents there are of each liveness as of now: {"online": 40, "late": 2}. A liveness of no agent is left out.';
revoke all on function public.count_agents() from public, anon, authenticated;
grant execute on function public.count_agents() to service_role;
