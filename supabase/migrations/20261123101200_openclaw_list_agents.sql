create function public.agent_rank(liveness text, status text, copies uuid[])
  returns integer language sql immutable set search_path = ''
  -- The liveness is named once: where this stands in a statement, it is computed for each place that names it.
  return case liveness
    when 'offline' then 0
    when 'stalled' then 1
    when 'late' then case when status = 'unhealthy' then 2 when copies <> '{}' then 3 else 4 end
    when 'online' then
      case when status = 'unhealthy' then 2 when copies <> '{}' then 3 when status = 'degraded' then 5 else 7 end
    when 'pending' then case when copies <> '{}' then 3 else 6 end
    when 'stopped' then case when copies <> '{}' then 3 else 8 end
    else 9
  end;
comment on function public.agent_rank(text, text, uuid[]) is
  'How much an agent needs a look, in one digit: the least first, which is the worst.';
revoke all on function public.agent_rank(text, text, uuid[]) from public, anon, authenticated;
grant execute on function public.agent_rank(text, text, uuid[]) to service_role;

create function public.agent_trouble(rank integer, liveness_since timestamptz, created_at timestamptz)
  returns bigint language sql immutable set search_path = ''
  -- Microseconds have 16 digits until the year 2286: the rank counts first, then since when.
  -- date_part counts in doubles, which have all of them; extract counts in numeric, ten times as long.
  return rank * 10000000000000000 + (date_part('epoch', coalesce(liveness_since, created_at)) * 1000000)::bigint;
comment on function public.agent_trouble(integer, timestamptz, timestamptz) is
  'How much an agent needs a look, in one number: the least first, which is the worst rank, and of those the longest.';
revoke all on function public.agent_trouble(integer, timestamptz, timestamptz) from public, anon, authenticated;
grant execute on function public.agent_trouble(integer, timestamptz, timestamptz) to service_role;

create function public.expression_of(function regprocedure)
  returns text language sql stable set search_path = ''
  -- Within a query of its own, Postgres writes the arguments with the function's name before them.
  return replace(
    regexp_replace(pg_catalog.pg_get_function_sqlbody(function::oid), '^RETURN ', ''),
    (select p.proname || '.' from pg_catalog.pg_proc as p where p.oid = function::oid), ''
  );
comment on function public.expression_of(regprocedure) is
  'What a function of one expression returns, in the names of its arguments, as a part of a statement. Postgres inlines no function with a search_path, and to call one for each agent takes ten times as long.';
revoke all on function public.expression_of(regprocedure) from public, anon, authenticated;
grant execute on function public.expression_of(regprocedure) to service_role;

create function public.agents_that_fit()
  returns text language sql immutable set search_path = ''
  return $sql$
    ($1 is null or a.owner_id = $1)
    -- Asked for first: labels that nobody asks for are not read.
    and ($2 = '{}' or a.labels ?& $2) and ($3 = '{}' or a.labels @> all ($3))
    and ($4 is null or position($4 in lower(a.name)) > 0 or position($4 in lower(a.hostname)) > 0)
  $sql$;
comment on function public.agents_that_fit() is
  'The condition on public.agents as a of a statement that filters: $1 owner, or null, $2 keys of labels, $3 labels, $4 a part of a name, or null.';
revoke all on function public.agents_that_fit() from public, anon, authenticated;
grant execute on function public.agents_that_fit() to service_role;

create function public.agents_with_liveness()
  returns text language sql stable set search_path = ''
  -- The arguments are columns of the same names, each of one of the two tables.
  return format(
    $sql$
      public.agents as a
      join public.agent_beats as b on b.agent_id = a.id
      cross join lateral (select now() as moment) as m
      cross join lateral (select %s as liveness) as l
    $sql$,
    public.expression_of('public.agent_liveness'::regproc::regprocedure)
  );
comment on function public.agents_with_liveness() is
  'What a statement over the fleet selects from: public.agents as a, their beats as b, m.moment and l.liveness.';
revoke all on function public.agents_with_liveness() from public, anon, authenticated;
grant execute on function public.agents_with_liveness() to service_role;

create function public.with_trouble()
  returns text language sql stable set search_path = ''
  return format(
    $sql$
      cross join lateral (select %s as rank) as r
      cross join lateral (select %s as liveness_since) as s
      cross join lateral (select %s as trouble) as t
    $sql$,
    public.expression_of('public.agent_rank'::regproc::regprocedure),
    public.expression_of('public.agent_liveness_since'::regproc::regprocedure),
    public.expression_of('public.agent_trouble'::regproc::regprocedure)
  );
comment on function public.with_trouble() is
  'What follows agents_with_liveness where a statement needs r.rank, s.liveness_since and t.trouble, too.';
revoke all on function public.with_trouble() from public, anon, authenticated;
grant execute on function public.with_trouble() to service_role;

create function public.filter_of(filter jsonb)
  returns table (keys text[], labels jsonb[], search text, words text[])
  language sql immutable set search_path = '' as $$
  select
    array(select l.value ->> 'key' from jsonb_array_elements(filter -> 'labels') as l),
    array(
      select jsonb_build_object(l.value ->> 'key', l.value -> 'value')
      from jsonb_array_elements(filter -> 'labels') as l where l.value -> 'value' <> 'null'
    ),
    lower(filter ->> 'search'),
    case when filter -> 'liveness' <> 'null' then array(select jsonb_array_elements_text(filter -> 'liveness')) end
$$;
comment on function public.filter_of(jsonb) is
  'The arguments of agents_that_fit, and the words of liveness (null: any), of {"liveness": words, or null, "labels": [{key, value, or null for any}], "search": text, or null}.';
revoke all on function public.filter_of(jsonb) from public, anon, authenticated;
grant execute on function public.filter_of(jsonb) to service_role;

create function public.label_place_expression(label text)
  returns text language sql immutable set search_path = ''
  -- No value and no name has U+0001.
  return format(
    $sql$((case when a.labels ? %1$s then '0' || (a.labels ->> %1$s) else '1' end || chr(1) || a.name) collate "C")$sql$,
    label
  );
comment on function public.label_place_expression(text) is
  'Where an agent (a) comes in the order by a label''s value, and by name: those without the label come last. label: the argument of the statement, as $10.';
revoke all on function public.label_place_expression(text) from public, anon, authenticated;
grant execute on function public.label_place_expression(text) to service_role;

create function public.list_agents(
  owner_id uuid, filter jsonb, sort text, page_limit integer, after jsonb, skipped integer default 0,
  counted boolean default true
)
  returns jsonb language plpgsql stable set search_path = '' as $$
declare
  -- Of the parts of a statement: nothing that came from outside is ever put into its text.
  fleet constant text := public.agents_with_liveness() || ' where ' || public.agents_that_fit();
  sorted_by constant text := ltrim(sort, '-');
  is_time constant boolean := sorted_by in ('created_at', 'last_seen_at');
  direction constant text := case when sort like '-%' then 'desc' else 'asc' end;
  expression constant text := case
    when sorted_by = 'name' then 'a.name'
    when sorted_by = 'created_at' then 'a.created_at'
    when sorted_by = 'last_seen_at' then 'coalesce(b.last_seen_at, ''-infinity'')'
    when sorted_by like 'label:%' then public.label_place_expression('$10')
  end;
  label constant text := substr(sorted_by, length('label:') + 1);
  keys text[];
  labels jsonb[];
  search text;
  words text[];
  key constant text := case
    when not is_time then after ->> 'key'
    when after -> 'key' = 'null' then '-infinity'
    else ('epoch'::timestamptz + (after ->> 'key')::bigint * interval '1 microsecond')::text
  end;
  items jsonb;
  counts jsonb;
  troubles jsonb;
begin
  select f.* into keys, labels, search, words from public.filter_of(filter) as f;
  -- The statement looks dear, and its parts are worth no compiling.
  perform set_config('jit', 'off', true);
  execute format($sql$
    with agent as %1$s (
      %2$s
    ), page as materialized (
      select a.id, a.key
      from agent as a
      where ($5 is null or a.liveness = any ($5)) and ($7 is null or (a.key, a.id) %3$s ($6::%4$s, $7))
      order by a.key %5$s, a.id %5$s
      limit $8 + 1 offset $11
    ), item as (
      select jsonb_agg(jsonb_build_object(
        'row', public.agent_json(a),
        'key', jsonb_build_object('sort', $9, 'key', %6$s, 'id', a.id)
      ) order by page.key %5$s, a.id %5$s) as items
      from page join public.agents as a on a.id = page.id
    ), counted as (
      select
        -- By words: in groups, they would be sorted.
        jsonb_strip_nulls(jsonb_build_object(%7$s)) as counts,
        jsonb_build_object(
          'unhealthy', count(*) filter (where a.status = 'unhealthy' and a.liveness in ('online', 'late')),
          'copies', coalesce(sum(cardinality(a.copies)) filter (where a.liveness <> 'revoked'), 0)
        ) as troubles
      -- "offset 0" keeps it apart. Else liveness is computed for each place that names it.
      from (select a.liveness, a.status, a.copies from agent as a where $12 offset 0) as a
    )
    select coalesce(item.items, '[]'), case when $12 then counted.counts end, case when $12 then counted.troubles end
    from item cross join counted
  $sql$,
    -- To sort by trouble takes the liveness of all of them: they are counted with it.
    case when sorted_by = 'trouble' and counted and after is null then 'materialized' else 'not materialized' end,
    case sorted_by
      when 'trouble' then format(
        $part$
          select a.id, a.liveness, a.status, a.copies, t.trouble as key
          -- "offset 0" keeps it apart. Else liveness is computed for each place that names it.
          from (
            select
              a.id, l.liveness, b.status, b.copies, a.created_at, a.revoked_at, a.restored_at, b.last_seen_at,
              b.back_at, b.deadline_from, b.online_since, a.heartbeat_interval_seconds, a.progress_deadline_seconds,
              m.moment
            from %s offset 0
          ) as a
          %s
        $part$,
        fleet,
        public.with_trouble()
      )
      else format('select a.id, l.liveness, b.status, b.copies, %s as key from %s', expression, fleet)
    end,
    case direction when 'asc' then '>' else '<' end,
    case when is_time then 'timestamptz' when sorted_by = 'trouble' then 'bigint' else 'text' end,
    direction,
    case
      when is_time then 'case when isfinite(page.key) then public.microseconds(page.key) end'
      else 'page.key::text'
    end,
    (
      select string_agg(format('%1$L, nullif(count(*) filter (where a.liveness = %1$L), 0)', w.word), ', ')
      from unnest(array['offline', 'stalled', 'late', 'pending', 'online', 'stopped', 'revoked']) as w (word)
    )
  )
  into items, counts, troubles
  using owner_id, keys, labels, search, words, key, (after ->> 'id')::uuid, page_limit, sort, label, skipped,
    counted and after is null;
  return public.page_of(items, page_limit) || jsonb_build_object('counts', counts, 'troubles', troubles);
end
$$;
comment on function public.list_agents(uuid, jsonb, text, integer, jsonb, integer, boolean) is
  'A page of an owner''s agents (null: of all): {"rows": […], "next": {sort, key, id}, or null at the end, "counts": by liveness, of all that fit but for liveness, "troubles": how many of these are unhealthy, and how many copies they have; both null after the first page, and where counted is false}. filter: {"liveness": words, or null, "labels": [{key, value, or null for any}], "search": text, or null}. sort: trouble, name, last_seen_at, created_at, label:<key>; - before it: descending. after: the next of the page before, of the same sort. skipped: how many rows after that are left out.';
revoke all on function public.list_agents(uuid, jsonb, text, integer, jsonb, integer, boolean) from public, anon, authenticated;
grant execute on function public.list_agents(uuid, jsonb, text, integer, jsonb, integer, boolean) to service_role;
