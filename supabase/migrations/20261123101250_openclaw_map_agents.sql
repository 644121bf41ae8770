create function public.liveness_rank_expression(liveness text)
  returns text language sql immutable set search_path = ''
  return format(
    $sql$case %s when 'offline' then 0 when 'stalled' then 1 when 'late' then 4 when 'pending' then 6 when 'online' then 7
      when 'stopped' then 8 else 9 end$sql$,
    liveness
  );
comment on function public.liveness_rank_expression(text) is
  'The digit of agent_rank that stands for a liveness and nothing else, as a part of a statement. liveness: a part of it, too.';
revoke all on function public.liveness_rank_expression(text) from public, anon, authenticated;
grant execute on function public.liveness_rank_expression(text) to service_role;

create function public.map_agents(
  owner_id uuid, filter jsonb, group_key text, marks_every integer, followed boolean default false
)
  returns jsonb language plpgsql stable set search_path = '' as $$
declare
  keys text[];
  labels jsonb[];
  search text;
  words text[];
  sort constant text := coalesce('label:' || group_key, 'name');
  result jsonb;
begin
  select f.* into keys, labels, search, words from public.filter_of(filter) as f;
  -- The statement is long and looks dear, and its parts are worth no compiling.
  perform set_config('jit', 'off', true);
  execute format($sql$
    -- Liveness is computed once for each agent: what it stands in below would have it computed for each word.
    with agent as materialized (
      select
        a.id, l.liveness, b.status, b.copies, %1$s as key, a.labels ->> $6 as value
      from %2$s where %3$s
    ), placed as materialized (
      select
        row_number() over (order by agent.key, agent.id) as place, agent.id, agent.key, agent.value, agent.liveness,
        %4$s as rank
      from agent where $5 is null or agent.liveness = any ($5)
    ), counted as (
      select
        agent.liveness, count(*) as agents,
        count(*) filter (where agent.status = 'unhealthy' and agent.liveness in ('online', 'late')) as unhealthy,
        sum(cardinality(agent.copies)) filter (where agent.liveness <> 'revoked') as copies
      from agent group by agent.liveness
    ), grouped as (
      select placed.value, count(*) as agents, min(placed.place) as place
      from placed where $6 is not null group by placed.value
    )
    select jsonb_build_object(
      'sort', $8,
      'cells', (select coalesce(string_agg(placed.rank::text, '' order by placed.place), '') from placed),
      'order', (
        select coalesce(bit_xor(
          uuid_hash_extended(placed.id, placed.place) # hashtextextended(coalesce(placed.value, ''), placed.place)
        ), 0)::text from placed
      ),
      'marks', (
        select coalesce(jsonb_agg(
          jsonb_build_object('sort', $8, 'key', placed.key, 'id', placed.id) order by placed.place
        ), '[]')
        from placed where placed.place %% $7 = 0
      ),
      'groups_count', (select count(*) from grouped),
      'groups', (
        select coalesce(jsonb_agg(jsonb_build_object('name', g.value, 'count', g.agents) order by g.place), '[]')
        from (select * from grouped order by grouped.place limit 1000) as g
      ),
      'counts', (select coalesce(jsonb_object_agg(counted.liveness, counted.agents), '{}') from counted),
      'troubles', (
        select jsonb_build_object(
          'unhealthy', coalesce(sum(counted.unhealthy), 0), 'copies', coalesce(sum(counted.copies), 0)
        ) from counted
      )
    ) || case when $9 then jsonb_build_object(
      'ids', (select coalesce(string_agg(placed.id::text, '' order by placed.place), '') from placed),
      'liveness', (select coalesce(string_agg((%5$s)::text, '' order by placed.place), '') from placed)
    ) else '{}' end
  $sql$,
    case when group_key is null then 'a.name' else public.label_place_expression('$6') end,
    public.agents_with_liveness(),
    public.agents_that_fit(),
    public.expression_of('public.agent_rank'::regproc::regprocedure),
    public.liveness_rank_expression('placed.liveness')
  )
  into result
  using owner_id, keys, labels, search, words, group_key, marks_every, sort, followed;
  return result;
end
$$;
comment on function public.map_agents(uuid, jsonb, text, integer, boolean) is
  'Every agent of an owner (null: of all) that fits, as one character: {"sort": of list_agents, in whose order they are, "cells": the agent_rank of each, "order": another number for other agents or another order, "marks": what list_agents takes as after, of each marks_every-th one, "groups": how many there are of each value of the label group_key, of the first 1000 values, "groups_count", "counts" and "troubles" as in list_agents}. followed: with "ids", all of them as one text, and "liveness", the digit of each one''s liveness, in the same order.';
revoke all on function public.map_agents(uuid, jsonb, text, integer, boolean) from public, anon, authenticated;
grant execute on function public.map_agents(uuid, jsonb, text, integer, boolean) to service_role;
