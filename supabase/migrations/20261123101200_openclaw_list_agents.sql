create function public.agent_trouble(
  liveness text, liveness_since timestamptz, status text, copies uuid[], created_at timestamptz
)
  returns bigint language sql immutable set search_path = ''
  return case
    when liveness = 'offline' then 0
    when liveness = 'stalled' then 1
    when liveness in ('online', 'late') and status = 'unhealthy' then 2
    when liveness <> 'revoked' and copies <> '{}' then 3
    when liveness = 'late' then 4
    when liveness = 'online' and status = 'degraded' then 5
    when liveness = 'pending' then 6
    when liveness = 'online' then 7
    when liveness = 'stopped' then 8
    else 9
  -- Microseconds have 16 digits until the year 2286: the word counts first, then since when.
  end * 10000000000000000 + (extract(epoch from coalesce(liveness_since, created_at)) * 1000000)::bigint;
comment on function public.agent_trouble(text, timestamptz, text, uuid[], timestamptz) is
  'How much an agent needs a look, in one number: the least first, which is the worst liveness, and of those the longest.';
revoke all on function public.agent_trouble(text, timestamptz, text, uuid[], timestamptz) from public, anon, authenticated;
grant execute on function public.agent_trouble(text, timestamptz, text, uuid[], timestamptz) to service_role;

create function public.expression_of(function regprocedure)
  returns text language sql stable set search_path = ''
  return regexp_replace(pg_catalog.pg_get_function_sqlbody(function::oid), '^RETURN ', '');
comment on function public.expression_of(regprocedure) is
  'What a function of one expression returns, in the names of its arguments, as a part of a statement. Postgres inlines no function with a search_path, and to call one for each agent takes ten times as long.';
revoke all on function public.expression_of(regprocedure) from public, anon, authenticated;
grant execute on function public.expression_of(regprocedure) to service_role;

create function public.list_agents(
  owner_id uuid, filter jsonb, sort text, page_limit integer, after jsonb
)
  returns jsonb language plpgsql stable set search_path = '' as $$
declare
  -- Of the parts of a statement: nothing that came from outside is ever put into its text.
  matches constant text := $sql$
    ($1 is null or a.owner_id = $1)
    and a.labels ?& $2 and a.labels @> all ($3)
    and ($4 is null or position($4 in lower(a.name)) > 0 or position($4 in lower(a.hostname)) > 0)
  $sql$;
  -- The arguments are columns of the same names, each of one of the two tables, and those that these add.
  states constant text := format(
    $sql$
      join public.agent_beats as b on b.agent_id = a.id
      cross join lateral (select now() as moment) as m
      cross join lateral (select %s as liveness) as l
      cross join lateral (select %s as liveness_since) as s
      cross join lateral (select %s as trouble) as t
    $sql$,
    public.expression_of('public.agent_liveness'::regproc::regprocedure),
    public.expression_of('public.agent_liveness_since'::regproc::regprocedure),
    public.expression_of('public.agent_trouble'::regproc::regprocedure)
  );
  sorted_by constant text := ltrim(sort, '-');
  is_time constant boolean := sorted_by in ('created_at', 'last_seen_at');
  direction constant text := case when sort like '-%' then 'desc' else 'asc' end;
  expression constant text := case sorted_by
    when 'name' then 'a.name'
    when 'created_at' then 'a.created_at'
    when 'last_seen_at' then 'coalesce(b.last_seen_at, ''-infinity'')'
    when 'trouble' then 't.trouble'
  end;
  keys constant text[] := array(
    select l.value ->> 'key' from jsonb_array_elements(filter -> 'labels') as l
  );
  labels constant jsonb[] := array(
    select jsonb_build_object(l.value ->> 'key', l.value -> 'value')
    from jsonb_array_elements(filter -> 'labels') as l where l.value -> 'value' <> 'null'
  );
  search constant text := lower(filter ->> 'search');
  words constant text[] := case when filter -> 'liveness' <> 'null' then array(
    select jsonb_array_elements_text(filter -> 'liveness')
  ) end;
  key constant text := case
    when not is_time then after ->> 'key'
    when after -> 'key' = 'null' then '-infinity'
    else ('epoch'::timestamptz + (after ->> 'key')::bigint * interval '1 microsecond')::text
  end;
  items jsonb;
  counts jsonb;
  troubles jsonb;
begin
  execute format($sql$
    with page as materialized (
      select a.id, %1$s as key
      from public.agents as a %2$s
      where %3$s
        and ($5 is null or l.liveness = any ($5))
        and ($7 is null or (%1$s, a.id) %4$s ($6::%5$s, $7))
      order by %1$s %6$s, a.id %6$s
      limit $8 + 1
    )
    select coalesce(jsonb_agg(jsonb_build_object(
      'row', public.agent_json(a),
      'key', jsonb_build_object('sort', $9, 'key', %7$s, 'id', a.id)
    ) order by page.key %6$s, a.id %6$s), '[]')
    from page join public.agents as a on a.id = page.id
  $sql$,
    expression,
    states,
    matches,
    case direction when 'asc' then '>' else '<' end,
    case sorted_by when 'name' then 'text' when 'trouble' then 'bigint' else 'timestamptz' end,
    direction,
    case
      when is_time then 'case when isfinite(page.key) then public.microseconds(page.key) end'
      else 'page.key::text'
    end
  )
  into items
  using owner_id, keys, labels, search, words, key, (after ->> 'id')::uuid, page_limit, sort;

  if after is null then
    execute format($sql$
      select
        coalesce(jsonb_object_agg(counted.liveness, counted.agents), '{}'),
        jsonb_build_object(
          'unhealthy', coalesce(sum(counted.unhealthy), 0), 'copies', coalesce(sum(counted.copies), 0)
        )
      from (
        select
          l.liveness, count(*) as agents,
          count(*) filter (where b.status = 'unhealthy' and l.liveness in ('online', 'late')) as unhealthy,
          sum(cardinality(b.copies)) filter (where l.liveness <> 'revoked') as copies
        from public.agents as a %s where %s group by l.liveness
      ) as counted
    $sql$, states, matches)
    into counts, troubles
    using owner_id, keys, labels, search;
  end if;
  return public.page_of(items, page_limit) || jsonb_build_object('counts', counts, 'troubles', troubles);
end
$$;
comment on function public.list_agents(uuid, jsonb, text, integer, jsonb) is
  'A page of an owner''s agents (null: of all): {"rows": […], "next": {sort, key, id}, or null at the end, "counts": by liveness, of all that fit but for liveness, "troubles": how many of these are unhealthy, and how many copies they have; both null after the first page}. filter: {"liveness": words, or null, "labels": [{key, value, or null for any}], "search": text, or null}. sort: trouble, name, last_seen_at, created_at; - before it: descending. after: the next of the page before, of the same sort.';
revoke all on function public.list_agents(uuid, jsonb, text, integer, jsonb) from public, anon, authenticated;
grant execute on function public.list_agents(uuid, jsonb, text, integer, jsonb) to service_role;
