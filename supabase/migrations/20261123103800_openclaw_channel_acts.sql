create function public.channel_json(channel public.channels)
  returns jsonb language sql stable set search_path = ''
  return jsonb_build_object(
    'id', channel.id,
    'owner_id', channel.owner_id,
    'name', channel.name,
    'kind', channel.kind,
    'settings', channel.settings,
    'labels', channel.labels,
    'kinds', coalesce(to_jsonb(channel.kinds), '["offline", "stalled", "unhealthy", "copy", "server"]'),
    'after_seconds', channel.after_seconds,
    'remind_after_seconds', channel.remind_after_seconds,
    'enabled', channel.enabled,
    'created_at', public.rfc3339(channel.created_at)
  );
comment on function public.channel_json(public.channels) is
  'A channel with all of its settings: the functions show none that is secret.';
revoke all on function public.channel_json(public.channels) from public, anon, authenticated;
grant execute on function public.channel_json(public.channels) to service_role;

create function public.create_channel(channel jsonb, owner_id uuid, owner_limit integer, act jsonb)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  created public.channels;
begin
  if owner_limit is not null then
    perform pg_advisory_xact_lock(hashtextextended('openclaw owner ' || create_channel.owner_id, 0));
    if (
      select count(*) >= owner_limit from public.channels as c where c.owner_id = create_channel.owner_id
    ) then
      return jsonb_build_object('refused', 'owner_limit');
    end if;
  end if;
  insert into public.channels
    (owner_id, name, kind, settings, labels, kinds, after_seconds, remind_after_seconds, enabled)
    values (
      create_channel.owner_id, channel ->> 'name', channel ->> 'kind', channel -> 'settings', channel -> 'labels',
      (select array_agg(k.kind) from jsonb_array_elements_text(nullif(channel -> 'kinds', 'null')) as k (kind)),
      (channel ->> 'after_seconds')::integer, (channel ->> 'remind_after_seconds')::integer,
      (channel ->> 'enabled')::boolean
    )
    returning * into created;
  perform public.note_owner_event(
    created.owner_id, 'channel_created', act,
    jsonb_build_object('id', created.id, 'name', created.name, 'kind', created.kind)
  );
  return jsonb_build_object('channel', public.channel_json(created));
exception
  when foreign_key_violation then
    return jsonb_build_object('refused', 'owner_unknown');
end
$$;
comment on function public.create_channel(jsonb, uuid, integer, jsonb) is
  'Makes a channel of {name, kind, settings, labels, kinds (null: all), after_seconds, remind_after_seconds, enabled}: {"channel": …}, or refused as in create_agent, where owner_limit counts channels.';
revoke all on function public.create_channel(jsonb, uuid, integer, jsonb) from public, anon, authenticated;
grant execute on function public.create_channel(jsonb, uuid, integer, jsonb) to service_role;

create function public.find_channel(channel_id uuid, owner_id uuid)
  returns jsonb language sql stable set search_path = '' as $$
  select public.channel_json(c) from public.channels as c
  where c.id = channel_id and (find_channel.owner_id is null or c.owner_id = find_channel.owner_id)
$$;
comment on function public.find_channel(uuid, uuid) is
  'A channel; null when there is none, or owner_id is given and it is not theirs.';
revoke all on function public.find_channel(uuid, uuid) from public, anon, authenticated;
grant execute on function public.find_channel(uuid, uuid) to service_role;

create function public.list_channels(owner_id uuid, page_limit integer, after jsonb)
  returns jsonb language sql stable set search_path = '' as $$
  with page as (
    select c as channel, row_number() over (order by c.created_at desc, c.id desc) as place
    from public.channels as c
    where (list_channels.owner_id is null or c.owner_id = list_channels.owner_id)
      and (
        after is null
        or (c.created_at, c.id) < (
          'epoch'::timestamptz + (after ->> 'created_us')::bigint * interval '1 microsecond', (after ->> 'id')::uuid
        )
      )
    order by c.created_at desc, c.id desc
    limit page_limit + 1
  )
  select public.page_of(coalesce(jsonb_agg(jsonb_build_object(
    'row', public.channel_json(p.channel),
    'key', jsonb_build_object('created_us', public.microseconds((p.channel).created_at), 'id', (p.channel).id)
  ) order by p.place), '[]'), page_limit)
  from page as p
$$;
comment on function public.list_channels(uuid, integer, jsonb) is
  'A page of an owner''s channels (null: of all), the newest first, as list_reader_keys.';
revoke all on function public.list_channels(uuid, integer, jsonb) from public, anon, authenticated;
grant execute on function public.list_channels(uuid, integer, jsonb) to service_role;

create function public.edit_channel(channel_id uuid, owner_id uuid, changes jsonb, act jsonb)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  edited public.channels;
begin
  update public.channels as c set
    name = case when changes ? 'name' then changes ->> 'name' else c.name end,
    settings = case when changes ? 'settings' then changes -> 'settings' else c.settings end,
    labels = case when changes ? 'labels' then changes -> 'labels' else c.labels end,
    kinds = case
      when changes ? 'kinds'
        then (select array_agg(k.kind) from jsonb_array_elements_text(nullif(changes -> 'kinds', 'null')) as k (kind))
      else c.kinds
    end,
    after_seconds =
      case when changes ? 'after_seconds' then (changes ->> 'after_seconds')::integer else c.after_seconds end,
    remind_after_seconds = case
      when changes ? 'remind_after_seconds' then (changes ->> 'remind_after_seconds')::integer
      else c.remind_after_seconds
    end,
    enabled = case when changes ? 'enabled' then (changes ->> 'enabled')::boolean else c.enabled end
    where c.id = channel_id and (edit_channel.owner_id is null or c.owner_id = edit_channel.owner_id)
    returning * into edited;
  if not found then
    return null;
  end if;
  if changes ? 'settings' then
    update public.deliveries as d set next_attempt_at = now() where d.channel_id = edited.id and d.state = 'pending';
  end if;
  perform public.note_owner_event(
    edited.owner_id, 'channel_edited', act,
    jsonb_build_object(
      'id', edited.id, 'name', edited.name, 'changed', (select jsonb_agg(key) from jsonb_object_keys(changes) as key)
    )
  );
  return public.channel_json(edited);
end
$$;
comment on function public.edit_channel(uuid, uuid, jsonb, jsonb) is
  'Changes what changes names of a channel, and returns it; null as find_channel. What waits for it is tried at once where its settings changed. The event names what changed, never its value.';
revoke all on function public.edit_channel(uuid, uuid, jsonb, jsonb) from public, anon, authenticated;
grant execute on function public.edit_channel(uuid, uuid, jsonb, jsonb) to service_role;

create function public.remove_channel(channel_id uuid, owner_id uuid, act jsonb)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  removed public.channels;
begin
  delete from public.channels as c
    where c.id = channel_id and (remove_channel.owner_id is null or c.owner_id = remove_channel.owner_id)
    returning * into removed;
  if not found then
    return null;
  end if;
  perform public.note_owner_event(
    removed.owner_id, 'channel_removed', act, jsonb_build_object('id', removed.id, 'name', removed.name)
  );
  return public.channel_json(removed);
end
$$;
comment on function public.remove_channel(uuid, uuid, jsonb) is
  'Deletes a channel and what it was to be told, and returns what it was; null as find_channel.';
revoke all on function public.remove_channel(uuid, uuid, jsonb) from public, anon, authenticated;
grant execute on function public.remove_channel(uuid, uuid, jsonb) to service_role;
