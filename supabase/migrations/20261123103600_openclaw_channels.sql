create table public.channels (
  id uuid primary key default gen_random_uuid(),
  owner_id uuid references auth.users (id) on delete cascade,
  name public.agent_name not null,
  kind text not null,
  settings jsonb not null,
  labels public.labels not null default '{}',
  kinds text[],
  after_seconds integer not null default 0,
  remind_after_seconds integer,
  enabled boolean not null default true,
  enabled_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint channel_kind_is_one_we_know check (kind in (
    'webhook', 'slack', 'discord', 'teams', 'telegram', 'ntfy', 'gotify', 'pagerduty', 'apprise', 'email'
  )),
  constraint channel_settings_are_an_object_of_at_most_8_kib
    check (jsonb_typeof(settings) = 'object' and pg_column_size(settings) <= 8192),
  constraint channel_kinds_are_kinds_of_incidents
    check (cardinality(kinds) > 0 and kinds <@ array['offline', 'stalled', 'unhealthy', 'copy', 'server']),
  constraint channel_waits_at_most_a_day check (after_seconds between 0 and 86400),
  constraint channel_reminds_after_5_minutes_to_a_week check (remind_after_seconds between 300 and 604800)
);

create index channels_of_an_owner on public.channels (owner_id, created_at, id);
create index channels_by_creation on public.channels (created_at, id);

comment on table public.channels is 'Where somebody is told of incidents, and of which.';
comment on column public.channels.owner_id is
  'The Supabase user whose incidents it tells; null when a secret API key made it: then everybody''s, and the server''s. Goes with its user.';
comment on column public.channels.name is 'What its owner calls it.';
comment on column public.channels.kind is 'Which service it is, and so what settings has.';
comment on column public.channels.settings is
  'The address and the credentials, by kind, as the contract has them. Granted to the service role only.';
comment on column public.channels.labels is 'Only incidents with an agent that has all of these.';
comment on column public.channels.kinds is 'Only incidents of these kinds; null for all.';
comment on column public.channels.after_seconds is 'How long an incident has to last before it is told.';
comment on column public.channels.remind_after_seconds is
  'How often an incident that lasts and that nobody has acknowledged is told again; null for never.';
comment on column public.channels.enabled is 'Whether it is told anything. What waited when it was disabled is failed.';
comment on column public.channels.enabled_at is
  'When it was made or last enabled again. A beginning that failed before counts as not told: what is still so is told anew.';
comment on column public.channels.created_at is 'When it was made.';

alter table public.channels enable row level security;
revoke all on public.channels from public, anon, authenticated, service_role;
create policy "owners read their own channels"
  on public.channels for select to authenticated
  using (owner_id = (select auth.uid()));
grant select (
  id, owner_id, name, kind, labels, kinds, after_seconds, remind_after_seconds, enabled, created_at
) on public.channels to authenticated;
create policy "the service role sees every channel"
  on public.channels for select to service_role using (true);
create policy "the service role makes channels"
  on public.channels for insert to service_role with check (true);
create policy "the service role edits channels"
  on public.channels for update to service_role using (true) with check (true);
create policy "the service role removes channels"
  on public.channels for delete to service_role using (true);
grant select, delete on public.channels to service_role;
grant insert (owner_id, name, kind, settings, labels, kinds, after_seconds, remind_after_seconds, enabled)
  on public.channels to service_role;
grant update (name, settings, labels, kinds, after_seconds, remind_after_seconds, enabled)
  on public.channels to service_role;
-- Not granted: settings to authenticated; anything to anon.

create table public.deliveries (
  id uuid primary key default gen_random_uuid(),
  place bigint generated always as identity,
  channel_id uuid not null references public.channels (id) on delete cascade,
  incident_id uuid not null references public.incidents (id) on delete cascade,
  type text not null,
  incident jsonb not null,
  state text not null default 'pending',
  attempts integer not null default 0,
  next_attempt_at timestamptz not null,
  leased_until timestamptz,
  last_answer text,
  created_at timestamptz not null,
  delivered_at timestamptz,
  constraint delivery_type_is_one_we_know check (type in ('opened', 'reminder', 'closed')),
  constraint delivery_state_is_one_we_know check (state in ('pending', 'delivered', 'failed')),
  constraint delivery_that_was_taken_has_a_time check ((delivered_at is null) = (state <> 'delivered')),
  constraint delivery_answer_is_at_most_500_characters check (char_length(last_answer) <= 500)
);

create index deliveries_of_an_incident on public.deliveries (incident_id, channel_id, place);
create index deliveries_by_creation on public.deliveries (created_at);
create index deliveries_that_wait on public.deliveries (channel_id, place) where state = 'pending';

comment on table public.deliveries is
  'The outbox: what each channel is to be told of which incident, written in the transaction that changed it. Each is tried until the receiver takes it, in the order of place for each channel, one at a time. A row goes with its incident or channel, or when it is done and 30 days have passed.';
comment on column public.deliveries.id is 'By which a receiver tells a repeat.';
comment on column public.deliveries.place is 'The order in which a channel is told.';
comment on column public.deliveries.channel_id is 'Who is told.';
comment on column public.deliveries.incident_id is 'Of what.';
comment on column public.deliveries.type is 'opened, reminder or closed.';
comment on column public.deliveries.incident is
  'The incident as it was then, without its deliveries: a repeat says the same.';
comment on column public.deliveries.state is 'pending, delivered or failed.';
comment on column public.deliveries.attempts is 'How often it was begun to be sent.';
comment on column public.deliveries.next_attempt_at is 'Not before.';
comment on column public.deliveries.leased_until is
  'Until when its sender has the time to note the answer. After that it is sent again.';
comment on column public.deliveries.last_answer is 'What the receiver said last, or why it was not reached, cut to 500 characters.';
comment on column public.deliveries.created_at is 'When it was to be told.';
comment on column public.deliveries.delivered_at is 'When the receiver took it.';

alter table public.deliveries enable row level security;
revoke all on public.deliveries from public, anon, authenticated, service_role;
create policy "owners read what their own channels are told"
  on public.deliveries for select to authenticated
  using (channel_id in (select c.id from public.channels as c where c.owner_id = (select auth.uid())));
grant select on public.deliveries to authenticated;
create policy "the service role sees every delivery"
  on public.deliveries for select to service_role using (true);
create policy "the service role fills the outbox"
  on public.deliveries for insert to service_role with check (true);
create policy "the service role notes what became of deliveries"
  on public.deliveries for update to service_role using (true) with check (true);
create policy "the service role removes old deliveries"
  on public.deliveries for delete to service_role using (true);
grant select, delete on public.deliveries to service_role;
grant insert (channel_id, incident_id, type, incident, next_attempt_at, created_at) on public.deliveries to service_role;
grant update (state, attempts, next_attempt_at, leased_until, last_answer, delivered_at) on public.deliveries to service_role;
-- Not granted: anything to anon; insert, update, delete to authenticated.

create function public.delivery_json(delivery public.deliveries, channel public.channels)
  returns jsonb language sql stable set search_path = ''
  return jsonb_build_object(
    'id', delivery.id,
    'channel_id', channel.id,
    'channel_name', channel.name,
    'type', delivery.type,
    'state', delivery.state,
    'attempts', delivery.attempts,
    'next_attempt_at', case when delivery.state = 'pending' then public.rfc3339(delivery.next_attempt_at) end,
    'last_answer', delivery.last_answer,
    'created_at', public.rfc3339(delivery.created_at),
    'delivered_at', public.rfc3339(delivery.delivered_at)
  );
comment on function public.delivery_json(public.deliveries, public.channels) is
  'A delivery as an operator sees it. Never what the channel''s settings have.';
revoke all on function public.delivery_json(public.deliveries, public.channels) from public, anon, authenticated;
grant execute on function public.delivery_json(public.deliveries, public.channels) to service_role;

create function public.incident_json(incident public.incidents)
  returns jsonb language sql stable set search_path = ''
  return jsonb_build_object(
    'id', incident.id,
    'owner_id', incident.owner_id,
    'kind', incident.kind,
    'opened_at', public.rfc3339(incident.opened_at),
    'closed_at', public.rfc3339(incident.closed_at),
    'agents_count', incident.agents_count,
    'agents', (
      select coalesce(jsonb_agg(jsonb_build_object('id', listed.agent_id, 'name', listed.agent_name)), '[]')
      from (
        select m.agent_id, m.agent_name from public.incident_agents as m
        where m.incident_id = incident.id order by m.agent_id limit 20
      ) as listed
    ),
    'labels', incident.labels,
    'reason', nullif(concat_ws(
      '; ', incident.reason,
      case when incident.agents_count > 1 then 'version ' || incident.version end,
      case when incident.agents_count > 1 then 'network ' || incident.network end
    ), ''),
    'changes_count', incident.changes_count,
    'acknowledged_at', public.rfc3339(incident.acknowledged_at),
    'acknowledged_by', incident.acknowledged_by
  );
comment on function public.incident_json(public.incidents) is
  'The contract''s incident, without its deliveries: as a channel is told of it.';
revoke all on function public.incident_json(public.incidents) from public, anon, authenticated;
grant execute on function public.incident_json(public.incidents) to service_role;

create function public.incident_with_deliveries(incident public.incidents, owner_id uuid)
  returns jsonb language sql stable set search_path = ''
  return public.incident_json(incident) || jsonb_build_object('deliveries', (
    select coalesce(jsonb_agg(last.delivery order by last.place desc), '[]')
    from (
      select public.delivery_json(d, c) as delivery, d.place
      from public.deliveries as d
      join public.channels as c on c.id = d.channel_id
      where d.incident_id = incident.id
        and (incident_with_deliveries.owner_id is null or c.owner_id = incident_with_deliveries.owner_id)
      order by d.place desc limit 20
    ) as last
  ));
comment on function public.incident_with_deliveries(public.incidents, uuid) is
  'The contract''s incident, with the last 20 deliveries to this owner''s channels (null: to all), the newest first.';
revoke all on function public.incident_with_deliveries(public.incidents, uuid) from public, anon, authenticated;
grant execute on function public.incident_with_deliveries(public.incidents, uuid) to service_role;

create function public.list_incidents(owner_id uuid, state text, page_limit integer, after jsonb)
  returns jsonb language sql stable set search_path = '' as $$
  with page as (
    select i as incident, row_number() over (order by i.opened_at desc, i.id desc) as place
    from public.incidents as i
    where (list_incidents.owner_id is null or i.owner_id = list_incidents.owner_id)
      and (list_incidents.state is null or (i.closed_at is null) = (list_incidents.state = 'open'))
      and (
        after is null
        or (i.opened_at, i.id) < (
          'epoch'::timestamptz + (after ->> 'created_us')::bigint * interval '1 microsecond', (after ->> 'id')::uuid
        )
      )
    order by i.opened_at desc, i.id desc
    limit page_limit + 1
  )
  select public.page_of(coalesce(jsonb_agg(jsonb_build_object(
    'row', public.incident_with_deliveries(p.incident, list_incidents.owner_id),
    'key', jsonb_build_object('created_us', public.microseconds((p.incident).opened_at), 'id', (p.incident).id)
  ) order by p.place), '[]'), page_limit)
  from page as p
$$;
comment on function public.list_incidents(uuid, text, integer, jsonb) is
  'A page of an owner''s incidents (null: of all), open or closed ones (null: both), the last opened first: {"rows": […], "next": {created_us, id}, or null at the end}; after: the next of the page before.';
revoke all on function public.list_incidents(uuid, text, integer, jsonb) from public, anon, authenticated;
grant execute on function public.list_incidents(uuid, text, integer, jsonb) to service_role;

create function public.get_incident(incident_id uuid, owner_id uuid)
  returns jsonb language sql stable set search_path = '' as $$
  select public.incident_with_deliveries(i, get_incident.owner_id)
  from public.incidents as i
  where i.id = get_incident.incident_id and (get_incident.owner_id is null or i.owner_id = get_incident.owner_id)
$$;
comment on function public.get_incident(uuid, uuid) is
  'The incident, or null when there is none or owner_id is given and it is not theirs.';
revoke all on function public.get_incident(uuid, uuid) from public, anon, authenticated;
grant execute on function public.get_incident(uuid, uuid) to service_role;

create function public.acknowledge_incident(incident_id uuid, owner_id uuid, act jsonb)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  acknowledged public.incidents;
begin
  update public.incidents as i set acknowledged_at = now(), acknowledged_by = act ->> 'actor'
    where i.id = acknowledge_incident.incident_id
      and (acknowledge_incident.owner_id is null or i.owner_id = acknowledge_incident.owner_id)
      and i.acknowledged_at is null
    returning * into acknowledged;
  if found then
    perform public.note_owner_event(
      acknowledged.owner_id, 'incident_acknowledged', act,
      jsonb_build_object('id', acknowledged.id, 'kind', acknowledged.kind)
    );
  end if;
  return public.get_incident(acknowledge_incident.incident_id, acknowledge_incident.owner_id);
end
$$;
comment on function public.acknowledge_incident(uuid, uuid, jsonb) is
  'Ends an incident''s reminders and returns it; the second time changes nothing. Null as in get_incident.';
revoke all on function public.acknowledge_incident(uuid, uuid, jsonb) from public, anon, authenticated;
grant execute on function public.acknowledge_incident(uuid, uuid, jsonb) to service_role;

create function public.remove_old_incidents()
  returns integer language sql volatile set search_path = '' as $$
  with old as (
    select i.id from public.incidents as i where i.closed_at < now() - interval '400 days' limit 1000
  ), removed as (
    delete from public.incidents as i using old where i.id = old.id returning i.id
  )
  select count(*)::integer from removed
$$;
comment on function public.remove_old_incidents() is
  'Deletes incidents that were closed more than 400 days ago, at most 1,000 at once, and returns how many.';
revoke all on function public.remove_old_incidents() from public, anon, authenticated;
grant execute on function public.remove_old_incidents() to service_role;

create function public.remove_old_deliveries()
  returns integer language sql volatile set search_path = '' as $$
  with old as (
    select d.id from public.deliveries as d
    where d.created_at < now() - interval '30 days' and d.state <> 'pending'
      -- By its beginning, a channel is known to wait for an end.
      and (d.type = 'reminder' or exists (
        select from public.incidents as i where i.id = d.incident_id and i.closed_at < now() - interval '30 days'
      ))
    order by d.created_at limit 1000
  ), removed as (
    delete from public.deliveries as d using old where d.id = old.id returning d.id
  )
  select count(*)::integer from removed
$$;
comment on function public.remove_old_deliveries() is
  'Deletes deliveries that were to be told more than 30 days ago and are done, of incidents that were closed as long ago, and reminders; at most 1,000 at once, and returns how many.';
revoke all on function public.remove_old_deliveries() from public, anon, authenticated;
grant execute on function public.remove_old_deliveries() to service_role;

create function public.claim_deliveries(most integer, lease_seconds integer)
  returns jsonb language sql volatile set search_path = '' as $$
  with first as materialized (
    select c.owner_id, w.*
    from public.channels as c
    cross join lateral (
      select w.id, w.next_attempt_at, w.leased_until > now() as is_leased from public.deliveries as w
      where w.channel_id = c.id and w.state = 'pending' order by w.place limit 1
    ) as w
    where c.enabled
  ), turn as materialized (
    -- Users have their turns one after the other, and each at most ten receivers that are waited for.
    select f.id, f.next_attempt_at, f.owner_id, row_number() over (partition by f.owner_id order by f.next_attempt_at)
      + (select count(*) from first as l where l.owner_id = f.owner_id and l.is_leased) as place
    from first as f
    where f.next_attempt_at <= now() and f.is_leased is not true
  ), due as materialized (
    select d.id
    from turn as t
    join public.deliveries as d on d.id = t.id
    where (t.owner_id is null or t.place <= 10)
      and d.state = 'pending' and d.next_attempt_at <= now() and (d.leased_until is null or d.leased_until <= now())
    order by t.place, t.next_attempt_at
    limit most
    -- Another server that has just locked one sends it. One that has it already by then has moved leased_until.
    for update of d skip locked
  ), claimed as (
    update public.deliveries as d
    set attempts = d.attempts + 1, leased_until = now() + make_interval(secs => lease_seconds)
    from due where d.id = due.id
    returning d.*
  )
  select coalesce(jsonb_agg(jsonb_build_object(
    'id', d.id,
    'type', d.type,
    'attempt', d.attempts,
    'created_at', public.rfc3339(d.created_at),
    'incident', d.incident,
    'channel', jsonb_build_object(
      'id', c.id, 'owner_id', c.owner_id, 'name', c.name, 'kind', c.kind, 'settings', c.settings
    )
  ) order by d.place), '[]')
  from claimed as d join public.channels as c on c.id = d.channel_id
$$;
comment on function public.claim_deliveries(integer, integer) is
  'The next due delivery of each enabled channel, at most most of them, and at most ten at a time of one user, for the caller to send within lease_seconds: [{id, type, attempt, created_at, incident, channel: {id, owner_id, name, kind, settings}}]. A channel whose first delivery is not due or is being sent has none. One whose answer nobody has recorded by then is claimed again.';
revoke all on function public.claim_deliveries(integer, integer) from public, anon, authenticated;
grant execute on function public.claim_deliveries(integer, integer) to service_role;

create function public.record_delivery(
  delivery_id uuid, attempt integer, outcome text, answer text, retry_after_seconds integer
)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  -- An answer that speaks of the message stays the same, unless the receiver itself was at fault.
  most_refusals constant integer := 5;
  delivery public.deliveries;
  channel public.channels;
begin
  if outcome not in ('delivered', 'retry', 'refused', 'gone') then
    raise exception 'an outcome is delivered, retry, refused or gone' using errcode = '22023';
  end if;
  select d.* into delivery from public.deliveries as d where d.id = delivery_id for update;
  -- Another sender may have it by now, because the time of this one was over. That it was taken is so all the same.
  if not found or delivery.state <> 'pending' or (delivery.attempts <> attempt and outcome <> 'delivered') then
    return null;
  end if;
  update public.deliveries as d set
      state = case
        when outcome = 'delivered' then 'delivered'
        when outcome = 'gone' or outcome = 'refused' and d.attempts >= most_refusals
          or d.created_at <= now() - interval '1 day'
        then 'failed'
        else 'pending'
      end,
      delivered_at = case when outcome = 'delivered' then now() end,
      next_attempt_at = now() + make_interval(secs => least(
        3600, greatest(5 * 2 ^ least(d.attempts - 1, 20) * (0.8 + 0.4 * random()), retry_after_seconds)
      )),
      leased_until = null,
      last_answer = left(answer, 500)
    where d.id = delivery.id
    returning * into delivery;
  if outcome = 'gone' then
    -- A trigger ends what waits for it.
    update public.channels as c set enabled = false
      where c.id = delivery.channel_id and c.enabled returning * into channel;
    if found then
      perform public.note_owner_event(
        channel.owner_id, 'channel_edited', '{"actor": "server"}',
        jsonb_build_object(
          'id', channel.id, 'name', channel.name, 'enabled', jsonb_build_object('from', true, 'to', false),
          'answer', delivery.last_answer
        )
      );
    end if;
  elsif delivery.state = 'failed' and delivery.type = 'opened' then
    -- Never an end without its beginning, nor a reminder.
    update public.deliveries as d
      set state = 'failed', leased_until = null, last_answer = 'not sent: its beginning failed'
      where d.channel_id = delivery.channel_id and d.incident_id = delivery.incident_id and d.state = 'pending'
        and not exists (
          select from public.deliveries as o
          where o.incident_id = d.incident_id and o.channel_id = d.channel_id and o.type = 'opened'
            and o.place > delivery.place and o.place <= d.place
        );
  end if;
  return jsonb_build_object('state', delivery.state, 'channel_disabled', outcome = 'gone');
end
$$;
comment on function public.record_delivery(uuid, integer, text, text, integer) is
  'Notes what became of an attempt that claim_deliveries gave out: delivered; retry, after 5 s × 2ⁿ × U(0.8, 1.2), at most an hour, and no sooner than the receiver asked for, until a day has passed since it was to be told; refused: as retry, but five attempts at most; or gone: the receiver wants no more, and the channel is disabled. Returns {state, channel_disabled}; null, with nothing changed, for a delivery that is done, and for an attempt that another one has followed, unless it was delivered.';
revoke all on function public.record_delivery(uuid, integer, text, text, integer) from public, anon, authenticated;
grant execute on function public.record_delivery(uuid, integer, text, text, integer) to service_role;

create function public.fail_waiting_deliveries()
  returns trigger language plpgsql volatile set search_path = '' as $$
begin
  update public.deliveries as d
    set state = 'failed', leased_until = null, last_answer = 'not sent: the channel was disabled'
    where d.channel_id = new.id and d.state = 'pending';
  return null;
end
$$;
comment on function public.fail_waiting_deliveries() is
  'Ends what waits for a channel that is disabled: once it is enabled again, nobody wants to read what was long ago.';
revoke all on function public.fail_waiting_deliveries() from public, anon, authenticated;
grant execute on function public.fail_waiting_deliveries() to service_role;
create trigger disabled_channel_is_told_nothing
  after update of enabled on public.channels
  for each row when (old.enabled and not new.enabled)
  execute function public.fail_waiting_deliveries();

create function public.note_enabling()
  returns trigger language plpgsql volatile set search_path = '' as $$
begin
  new.enabled_at := now();
  return new;
end
$$;
comment on function public.note_enabling() is 'Notes when a channel is enabled again.';
revoke all on function public.note_enabling() from public, anon, authenticated;
grant execute on function public.note_enabling() to service_role;
create trigger enabled_channel_has_its_time
  before update of enabled on public.channels
  for each row when (new.enabled and not old.enabled)
  execute function public.note_enabling();

create function public.tell_missed_ends()
  returns trigger language plpgsql volatile set search_path = '' as $$
begin
  insert into public.deliveries (channel_id, incident_id, type, incident, next_attempt_at, created_at)
  select new.id, i.id, 'closed', public.incident_json(i), now(), now()
  from (
    select distinct on (d.incident_id) d.incident_id, d.type
    from public.deliveries as d
    where d.channel_id = new.id and d.state = 'delivered' and d.type <> 'reminder'
    order by d.incident_id, d.place desc
  ) as last
  join public.incidents as i on i.id = last.incident_id and i.closed_at is not null
  where last.type = 'opened'
  order by i.closed_at, i.id;
  return null;
end
$$;
comment on function public.tell_missed_ends() is
  'Tells a channel that is enabled again the ends of the incidents whose beginnings it took: a receiver would show them as open for ever.';
revoke all on function public.tell_missed_ends() from public, anon, authenticated;
grant execute on function public.tell_missed_ends() to service_role;
create trigger enabled_channel_is_told_what_ended
  after update of enabled on public.channels
  for each row when (new.enabled and not old.enabled)
  execute function public.tell_missed_ends();
