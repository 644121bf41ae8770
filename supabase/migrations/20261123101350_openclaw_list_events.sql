create index agent_events_of_a_kind on public.agent_events (kind, id);
create index agent_events_of_a_kind_of_an_owner on public.agent_events (owner_id, kind, id);
create index late_events_by_age on public.agent_events (happened_at) where kind = 'late';

create function public.event_json(event public.agent_events)
  returns jsonb language sql stable set search_path = ''
  return jsonb_build_object(
    'id', event.id,
    'agent_id', event.agent_id,
    'agent_name', event.agent_name,
    'kind', event.kind,
    'at', public.rfc3339(event.happened_at),
    'actor', event.actor,
    'address', event.address,
    'detail', event.detail
  );
comment on function public.event_json(public.agent_events) is 'An event as an operator sees it.';
revoke all on function public.event_json(public.agent_events) from public, anon, authenticated;
grant execute on function public.event_json(public.agent_events) to service_role;

create function public.list_events(
  agent_id uuid, owner_id uuid, kinds jsonb, page_limit integer, after jsonb
)
  returns jsonb language plpgsql stable set search_path = '' as $$
declare
  words constant text[] := case when kinds <> 'null' then array(select jsonb_array_elements_text(kinds)) end;
  before bigint := (after ->> 'id')::bigint;
  items jsonb;
begin
  if list_events.agent_id is not null and public.get_agent(list_events.agent_id, list_events.owner_id) is null
    and not exists (
      select from public.agent_events as e
      where e.agent_id = list_events.agent_id
        and (list_events.owner_id is null or e.owner_id = list_events.owner_id)
    )
  then
    return null;
  end if;
  -- Each kind by itself: its newest ones stand together in an index, where those of several kinds do not.
  with page as (
    (
      select e.id
      from public.agent_events as e
      where words is null
        and (list_events.agent_id is null or e.agent_id = list_events.agent_id)
        and (list_events.owner_id is null or e.owner_id = list_events.owner_id)
        and (before is null or e.id < before)
      order by e.id desc
      limit page_limit + 1
    )
    union
    select of_kind.id
    from unnest(words) as word
    cross join lateral (
      select e.id
      from public.agent_events as e
      where e.kind = word
        and (list_events.agent_id is null or e.agent_id = list_events.agent_id)
        and (list_events.owner_id is null or e.owner_id = list_events.owner_id)
        and (before is null or e.id < before)
      order by e.id desc
      limit page_limit + 1
    ) as of_kind
    order by id desc
    limit page_limit + 1
  )
  select coalesce(jsonb_agg(
    jsonb_build_object('row', public.event_json(e), 'key', jsonb_build_object('id', e.id)) order by e.id desc
  ), '[]')
  into items
  from public.agent_events as e where e.id in (select page.id from page);
  return public.page_of(items, page_limit);
end
$$;
comment on function public.list_events(uuid, uuid, jsonb, integer, jsonb) is
  'A page of the events of an agent, deleted or not (null: of all), of one owner (null: of all), of these kinds (null: of all), the newest first: {"rows": […], "next": {id}, or null at the end}. Null where owner_id may see neither that agent nor an event of it.';
revoke all on function public.list_events(uuid, uuid, jsonb, integer, jsonb) from public, anon, authenticated;
grant execute on function public.list_events(uuid, uuid, jsonb, integer, jsonb) to service_role;

-- Definer, because nobody is granted to delete events: whoever has a secret API key can have those of this
-- age deleted, and no others. A bounded number each time, which upkeep does again a minute later.
create function public.remove_old_events()
  returns integer language sql volatile security definer set search_path = '' as $$
  with old as (
    (select e.id from public.agent_events as e where e.happened_at < now() - interval '400 days' limit 10000)
    union
    (select e.id from public.agent_events as e
      where e.kind = 'late' and e.happened_at < now() - interval '30 days' limit 10000)
  ), removed as (
    delete from public.agent_events as e using old where e.id = old.id returning e.id
  )
  select count(*)::integer from removed
$$;
comment on function public.remove_old_events() is
  'Deletes events of more than 400 days, late ones of more than 30, at most 20,000 at once, and returns how many.';
revoke all on function public.remove_old_events() from public, anon, authenticated;
grant execute on function public.remove_old_events() to service_role;
