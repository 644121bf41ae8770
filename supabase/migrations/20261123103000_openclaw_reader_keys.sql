create table public.reader_keys (
  id uuid primary key default gen_random_uuid(),
  owner_id uuid references auth.users (id) on delete cascade,
  name public.agent_name not null,
  key_digest public.secret_digest not null,
  created_at timestamptz not null default now(),
  constraint reader_keys_differ unique (key_digest)
);

create index reader_keys_of_an_owner on public.reader_keys (owner_id, created_at, id);
create index reader_keys_by_creation on public.reader_keys (created_at, id);

comment on table public.reader_keys is
  'Keys that may read, and nothing else. Using one writes nothing. A key that was revoked is deleted.';
comment on column public.reader_keys.owner_id is
  'The Supabase user whose rows it shows; null when a secret API key made it: then all rows. Goes with its user.';
comment on column public.reader_keys.key_digest is
  '"sha256:" and the hex SHA-256 of the key, never the key.';

alter table public.reader_keys enable row level security;
revoke all on public.reader_keys from public, anon, authenticated, service_role;

create policy "the service role sees every reader's key"
  on public.reader_keys for select to service_role using (true);
create policy "the service role makes readers' keys"
  on public.reader_keys for insert to service_role with check (true);
create policy "the service role revokes readers' keys"
  on public.reader_keys for delete to service_role using (true);
grant select, delete on public.reader_keys to service_role;
grant insert (owner_id, name, key_digest) on public.reader_keys to service_role;
-- Not granted: anything to anon and authenticated (the functions answer their owners); update, to anybody.

create function public.note_owner_event(owner_id uuid, kind text, act jsonb, detail jsonb)
  returns void language sql volatile set search_path = '' as $$
  insert into public.agent_events (owner_id, kind, actor, address, detail)
  values (note_owner_event.owner_id, note_owner_event.kind, act ->> 'actor', act ->> 'address', note_owner_event.detail)
$$;
comment on function public.note_owner_event(uuid, text, jsonb, jsonb) is
  'Adds the event of an act that is not about one agent. act as in note_event.';
revoke all on function public.note_owner_event(uuid, text, jsonb, jsonb) from public, anon, authenticated;
grant execute on function public.note_owner_event(uuid, text, jsonb, jsonb) to service_role;

create function public.reader_key_json(reader_key public.reader_keys)
  returns jsonb language sql stable set search_path = ''
  return jsonb_build_object(
    'id', reader_key.id,
    'owner_id', reader_key.owner_id,
    'name', reader_key.name,
    'created_at', public.rfc3339(reader_key.created_at)
  );
comment on function public.reader_key_json(public.reader_keys) is
  'A reader''s key as an operator sees it. Never its digest.';
revoke all on function public.reader_key_json(public.reader_keys) from public, anon, authenticated;
grant execute on function public.reader_key_json(public.reader_keys) to service_role;

create function public.create_reader_key(
  name text, owner_id uuid, owner_limit integer, key_digest text, act jsonb
)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  created public.reader_keys;
begin
  if owner_limit is not null then
    perform pg_advisory_xact_lock(hashtextextended('openclaw owner ' || create_reader_key.owner_id, 0));
    if (
      select count(*) >= owner_limit from public.reader_keys as k where k.owner_id = create_reader_key.owner_id
    ) then
      return jsonb_build_object('refused', 'owner_limit');
    end if;
  end if;
  insert into public.reader_keys (owner_id, name, key_digest)
    values (create_reader_key.owner_id, create_reader_key.name, create_reader_key.key_digest)
    returning * into created;
  perform public.note_owner_event(
    created.owner_id, 'reader_key_created', act, jsonb_build_object('id', created.id, 'name', created.name)
  );
  return jsonb_build_object('reader_key', public.reader_key_json(created));
exception
  when foreign_key_violation then
    return jsonb_build_object('refused', 'owner_unknown');
end
$$;
comment on function public.create_reader_key(text, uuid, integer, text, jsonb) is
  'Makes a reader''s key: {"reader_key": …}, or refused as in create_agent, where owner_limit counts readers'' keys.';
revoke all on function public.create_reader_key(text, uuid, integer, text, jsonb) from public, anon, authenticated;
grant execute on function public.create_reader_key(text, uuid, integer, text, jsonb) to service_role;

create function public.find_reader_key(key_digest text)
  returns jsonb language sql stable set search_path = '' as $$
  select public.reader_key_json(k) from public.reader_keys as k where k.key_digest = find_reader_key.key_digest
$$;
comment on function public.find_reader_key(text) is
  'The key with this digest, or null. Writes nothing: reading needs no write.';
revoke all on function public.find_reader_key(text) from public, anon, authenticated;
grant execute on function public.find_reader_key(text) to service_role;

create function public.list_reader_keys(owner_id uuid, page_limit integer, after jsonb)
  returns jsonb language sql stable set search_path = '' as $$
  with page as (
    select k as reader_key, row_number() over (order by k.created_at desc, k.id desc) as place
    from public.reader_keys as k
    where (list_reader_keys.owner_id is null or k.owner_id = list_reader_keys.owner_id)
      and (
        after is null
        or (k.created_at, k.id) < (
          'epoch'::timestamptz + (after ->> 'created_us')::bigint * interval '1 microsecond', (after ->> 'id')::uuid
        )
      )
    order by k.created_at desc, k.id desc
    limit page_limit + 1
  )
  select public.page_of(coalesce(jsonb_agg(jsonb_build_object(
    'row', public.reader_key_json(p.reader_key),
    'key', jsonb_build_object('created_us', public.microseconds((p.reader_key).created_at), 'id', (p.reader_key).id)
  ) order by p.place), '[]'), page_limit)
  from page as p
$$;
comment on function public.list_reader_keys(uuid, integer, jsonb) is
  'A page of an owner''s keys (null: of all), the newest first: {"rows": […], "next": {created_us, id}, or null at the end}; after: the next of the page before.';
revoke all on function public.list_reader_keys(uuid, integer, jsonb) from public, anon, authenticated;
grant execute on function public.list_reader_keys(uuid, integer, jsonb) to service_role;

create function public.revoke_reader_key(key_id uuid, owner_id uuid, act jsonb)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  revoked public.reader_keys;
begin
  delete from public.reader_keys as k
    where k.id = key_id and (revoke_reader_key.owner_id is null or k.owner_id = revoke_reader_key.owner_id)
    returning * into revoked;
  if not found then
    return null;
  end if;
  perform public.note_owner_event(
    revoked.owner_id, 'reader_key_revoked', act, jsonb_build_object('id', revoked.id, 'name', revoked.name)
  );
  return public.reader_key_json(revoked);
end
$$;
comment on function public.revoke_reader_key(uuid, uuid, jsonb) is
  'Deletes a key and returns what it was; null when there is none, or owner_id is given and it is not theirs.';
revoke all on function public.revoke_reader_key(uuid, uuid, jsonb) from public, anon, authenticated;
grant execute on function public.revoke_reader_key(uuid, uuid, jsonb) to service_role;
