create function public.copies_among_turns(
  agent_id uuid, instance_id uuid, seq bigint, stopping boolean, since timestamptz
)
  returns setof uuid language sql stable set search_path = '' as $$
  select distinct one.instance_id
  from public.agent_turns as one
  join public.agent_turns as between_them on between_them.agent_id = one.agent_id
    and between_them.place > one.place and between_them.instance_id = copies_among_turns.instance_id
  join public.agent_turns as two on two.agent_id = one.agent_id
    and two.place > between_them.place and two.instance_id = one.instance_id
  where one.agent_id = copies_among_turns.agent_id
    and one.instance_id <> copies_among_turns.instance_id
    and one.at >= copies_among_turns.since
    and one.seq < two.seq and between_them.seq < copies_among_turns.seq
    and not (one.stopping or between_them.stopping or two.stopping or copies_among_turns.stopping)
$$;
comment on function public.copies_among_turns(uuid, uuid, bigint, boolean, timestamptz) is
  'The instances that beat twice since then, with growing seq and without stopping, while the one of this beat beat between them and, now, after them.';
revoke all on function public.copies_among_turns(uuid, uuid, bigint, boolean, timestamptz)
  from public, anon, authenticated;
grant execute on function public.copies_among_turns(uuid, uuid, bigint, boolean, timestamptz) to service_role;

create function public.note_copy(agent_id uuid, instance_id uuid, beside uuid)
  returns void language plpgsql volatile set search_path = '' as $$
declare
  copied public.agents;
  copy public.agent_instances;
begin
  select i.* into copy from public.agent_instances as i
    join public.agent_instances as first on first.agent_id = i.agent_id and first.instance_id = note_copy.beside
    where i.agent_id = note_copy.agent_id and i.instance_id = note_copy.instance_id and i.place > first.place;
  if not found then
    return;
  end if;
  -- Beside a copy nobody is one: the original that starts anew comes after its copy.
  update public.agent_beats as b set copies = b.copies || copy.instance_id
    where b.agent_id = note_copy.agent_id and cardinality(b.copies) < 8
      and not b.copies && array[copy.instance_id, note_copy.beside];
  if found then
    -- Not locked: who locks an agent may be waiting for its beat.
    select a.* into copied from public.agents as a where a.id = note_copy.agent_id;
    perform public.note_event(copied, 'copy_seen', '{"actor": "server"}', jsonb_build_object(
      'instance_id', copy.instance_id, 'hostname', copy.hostname, 'address', copy.address
    ));
  end if;
end
$$;
comment on function public.note_copy(uuid, uuid, uuid) is
  'Notes that an instance is a copy, with its event, unless it was there before the one beside which it was seen. The second time changes nothing.';
revoke all on function public.note_copy(uuid, uuid, uuid) from public, anon, authenticated;
grant execute on function public.note_copy(uuid, uuid, uuid) to service_role;

create function public.note_turn(agent_id uuid, ended jsonb, beat jsonb)
  returns void language plpgsql volatile set search_path = '' as $$
declare
  since timestamptz := (
    select now() - make_interval(secs => 4 * b.interval_seconds)
    from public.agent_beats as b where b.agent_id = note_turn.agent_id
  );
begin
  delete from public.agent_turns as t where t.agent_id = note_turn.agent_id and t.at < since;
  perform public.end_turn(note_turn.agent_id, ended, beat);
  perform public.note_copy(note_turn.agent_id, copy, (beat ->> 'instance_id')::uuid)
    from public.copies_among_turns(
      note_turn.agent_id, (beat ->> 'instance_id')::uuid, (beat ->> 'seq')::bigint, (beat ->> 'stopping')::boolean, since
    ) as copy;
end
$$;
comment on function public.note_turn(uuid, jsonb, jsonb) is
  'Notes that one instance of an agent beat where another one beat before: {instance_id, seq, at, stopping} of the last beat of before, and of this one. For record_heartbeats, which has locked the agent''s row.';
revoke all on function public.note_turn(uuid, jsonb, jsonb) from public, anon, authenticated;
grant execute on function public.note_turn(uuid, jsonb, jsonb) to service_role;

create function public.end_turn(agent_id uuid, ended jsonb, beat jsonb)
  returns void language plpgsql volatile set search_path = '' as $$
begin
  insert into public.agent_turns (agent_id, instance_id, seq, at, stopping) values (
    end_turn.agent_id, (ended ->> 'instance_id')::uuid, (ended ->> 'seq')::bigint,
    (ended ->> 'at')::timestamptz, (ended ->> 'stopping')::boolean
  );
  -- Of eight instances in turn, four rounds; whatever list of beats comes, no more.
  delete from public.agent_turns as t where t.agent_id = end_turn.agent_id and t.place in (
    select old.place from public.agent_turns as old where old.agent_id = end_turn.agent_id
    order by old.place desc offset 32
  );
  insert into public.agent_instances as i (agent_id, instance_id, last_seen_at)
    select end_turn.agent_id, (b.value ->> 'instance_id')::uuid, (b.value ->> 'at')::timestamptz
    from jsonb_array_elements(jsonb_build_array(ended, beat)) with ordinality as b (value, place)
    order by b.place
    on conflict on constraint agent_instances_pkey
      do update set last_seen_at = excluded.last_seen_at, noted_at = now();
  delete from public.agent_instances as i where i.agent_id = end_turn.agent_id and i.instance_id in (
    select old.instance_id from public.agent_instances as old where old.agent_id = end_turn.agent_id
    order by old.noted_at desc, old.place desc offset 8
  );
end
$$;
comment on function public.end_turn(uuid, jsonb, jsonb) is
  'Keeps the end of an instance''s turn, and that both instances have beaten.';
revoke all on function public.end_turn(uuid, jsonb, jsonb) from public, anon, authenticated;
grant execute on function public.end_turn(uuid, jsonb, jsonb) to service_role;

create function public.adopt_copy(
  agent_id uuid, owner_id uuid, instance_id uuid, owner_limit integer, act jsonb
)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  original public.agents;
  copy public.agent_instances;
  adopted public.agents;
begin
  select a.* into original from public.agents as a
    where a.id = adopt_copy.agent_id and (adopt_copy.owner_id is null or a.owner_id = adopt_copy.owner_id)
    for update;
  if not found then
    return null;
  end if;
  select i.* into copy from public.agent_instances as i
    join public.agent_beats as b on b.agent_id = i.agent_id
    where i.agent_id = original.id and i.instance_id = adopt_copy.instance_id and i.instance_id = any (b.copies);
  if not found then
    return jsonb_build_object('refused', 'unknown_copy');
  elsif not 'adopt' = any (copy.supports) then
    return jsonb_build_object('refused', 'unsupported');
  elsif copy.adopted_as is not null and copy.adopted_at > now() - interval '1 day' then
    return jsonb_build_object('agent', public.agent_json(original));
  end if;
  if owner_limit is not null then
    -- As in create_agent.
    perform pg_advisory_xact_lock(hashtextextended('openclaw owner ' || original.owner_id, 0));
    if (select count(*) >= owner_limit from public.agents as a where a.owner_id = original.owner_id) then
      return jsonb_build_object('refused', 'owner_limit');
    end if;
  end if;
  insert into public.agents (
      owner_id, name, labels, heartbeat_interval_seconds, progress_deadline_seconds, adopted_from
    )
    values (
      original.owner_id, public.name_of_copy(original.name, copy.hostname), original.labels,
      original.heartbeat_interval_seconds, original.progress_deadline_seconds, original.id
    )
    returning * into adopted;
  update public.agent_instances as i set adopted_as = adopted.id, adopted_at = now()
    where i.agent_id = original.id and i.instance_id = copy.instance_id;
  update public.agent_beats as b
    set adopting_instances = array_remove(b.adopting_instances, copy.instance_id) || copy.instance_id
    where b.agent_id = original.id;
  perform public.note_event(original, 'adopted', act, jsonb_build_object(
    'instance_id', copy.instance_id, 'hostname', copy.hostname, 'address', copy.address, 'adopted_as', adopted.id
  ));
  perform public.note_event(adopted, 'created', act, jsonb_build_object(
    'name', adopted.name, 'labels', adopted.labels,
    'heartbeat_interval_seconds', adopted.heartbeat_interval_seconds, 'adopted_from', original.id
  ));
  return jsonb_build_object('agent', public.agent_json(original));
end
$$;
comment on function public.adopt_copy(uuid, uuid, uuid, integer, jsonb) is
  'Makes an agent, without a secret yet, that the copy is to become, and has its beats answered with a request for a handshake: {"agent": the original}, or {"refused": "unknown_copy", "unsupported" or "owner_limit"}; null as in get_agent. The second time within a day changes nothing.';
revoke all on function public.adopt_copy(uuid, uuid, uuid, integer, jsonb) from public, anon, authenticated;
grant execute on function public.adopt_copy(uuid, uuid, uuid, integer, jsonb) to service_role;

create function public.name_of_copy(name text, hostname text)
  returns text language sql immutable set search_path = ''
  -- Of the hostname, which the copy's program said, nothing that turns the direction of writing or ends a line.
  return left(name || ' (copy' || coalesce(
    ' on ' || regexp_replace(hostname, '[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]', '', 'g'), ''
  ) || ')', 100);
comment on function public.name_of_copy(text, text) is 'What the agent that a copy becomes is called, of at most 100 characters.';
revoke all on function public.name_of_copy(text, text) from public, anon, authenticated;
grant execute on function public.name_of_copy(text, text) to service_role;

create function public.identify_copy(agent_id uuid, instance_id uuid, secret_digest text)
  returns uuid language plpgsql volatile set search_path = '' as $$
declare
  identified uuid;
begin
  update public.agents as a set agent_secret = identify_copy.secret_digest, secret_created_at = now()
    from public.agent_instances as i
    where i.agent_id = identify_copy.agent_id and i.instance_id = identify_copy.instance_id
      and i.adopted_at > now() - interval '1 day'
      and a.id = i.adopted_as and a.handshakes_count = 0 and a.revoked_at is null
    returning a.id into identified;
  if not found then
    -- Nothing is to be had any more, so nothing is asked for.
    update public.agent_beats as b
      set adopting_instances = array_remove(b.adopting_instances, identify_copy.instance_id)
      where b.agent_id = identify_copy.agent_id;
  end if;
  return identified;
end
$$;
comment on function public.identify_copy(uuid, uuid, text) is
  'Gives the agent that this copy is to become a fresh secret, and returns its id. Null, and the request for a handshake ends, when it has shaken hands already, was not adopted within a day, or is revoked or deleted.';
revoke all on function public.identify_copy(uuid, uuid, text) from public, anon, authenticated;
grant execute on function public.identify_copy(uuid, uuid, text) to service_role;

create function public.confirm_adoption(agent_id uuid)
  returns void language plpgsql volatile set search_path = '' as $$
declare
  original_id uuid := (select a.adopted_from from public.agents as a where a.id = confirm_adoption.agent_id);
  copy_id uuid := (
    select i.instance_id from public.agent_instances as i where i.adopted_as = confirm_adoption.agent_id
  );
  asked public.agents;
begin
  -- In the order of the ids, as every list of beats is locked.
  perform 1 from public.agents as a where a.id in (original_id, confirm_adoption.agent_id) order by a.id for update;
  update public.agents as a set adopted_from = null
    where a.id = confirm_adoption.agent_id and a.adopted_from is not null and a.handshakes_count > 0;
  if not found then
    return;
  end if;
  perform public.forget_instance(original_id, copy_id);
  -- Both hosts knew the original's secret.
  update public.agent_beats as b set rotation_requested_at = now()
    from public.agents as a
    where b.agent_id = original_id and b.rotation_requested_at is null
      and a.id = b.agent_id and 'rotate' = any (a.supports)
    returning a.* into asked;
  if found then
    perform public.note_event(asked, 'rotation_requested', '{"actor": "server"}', jsonb_build_object(
      'adopted_as', confirm_adoption.agent_id
    ));
  end if;
end
$$;
comment on function public.confirm_adoption(uuid) is
  'After the first handshake of an agent that was a copy: the original has this copy no more, and is asked to rotate. The second time changes nothing.';
revoke all on function public.confirm_adoption(uuid) from public, anon, authenticated;
grant execute on function public.confirm_adoption(uuid) to service_role;

create function public.forget_instance(agent_id uuid, instance_id uuid)
  returns void language sql volatile set search_path = '' as $$
  update public.agent_beats as b set
    copies = array_remove(b.copies, forget_instance.instance_id),
    adopting_instances = array_remove(b.adopting_instances, forget_instance.instance_id)
  where b.agent_id = forget_instance.agent_id;
  delete from public.agent_turns as t
    where t.agent_id = forget_instance.agent_id and t.instance_id = forget_instance.instance_id;
  delete from public.agent_instances as i
    where i.agent_id = forget_instance.agent_id and i.instance_id = forget_instance.instance_id;
$$;
comment on function public.forget_instance(uuid, uuid) is 'Takes an instance out of all that is known of an agent''s.';
revoke all on function public.forget_instance(uuid, uuid) from public, anon, authenticated;
grant execute on function public.forget_instance(uuid, uuid) to service_role;

create function public.revoke_copy(agent_id uuid, owner_id uuid, instance_id uuid, act jsonb)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  original public.agents;
  beats public.agent_beats;
  copy public.agent_instances;
  adopted public.agents;
begin
  -- In the order of the ids, as every list of beats is locked: the copy may have been adopted meanwhile.
  perform 1 from public.agents as a
    where a.id = revoke_copy.agent_id and (revoke_copy.owner_id is null or a.owner_id = revoke_copy.owner_id)
      or a.adopted_from = revoke_copy.agent_id
    order by a.id for update;
  select a.* into original from public.agents as a
    where a.id = revoke_copy.agent_id and (revoke_copy.owner_id is null or a.owner_id = revoke_copy.owner_id);
  if not found then
    return null;
  end if;
  perform 1 from public.agent_beats as b
    where b.agent_id in (select a.id from public.agents as a where original.id in (a.id, a.adopted_from))
    order by b.agent_id for update;
  select b.* into beats from public.agent_beats as b where b.agent_id = original.id;
  if revoke_copy.instance_id = any (beats.revoked_instances) then
    return jsonb_build_object('agent', public.agent_json(original));
  end if;
  select i.* into copy from public.agent_instances as i
    where i.agent_id = original.id and i.instance_id = revoke_copy.instance_id and i.instance_id = any (beats.copies);
  if not found then
    return jsonb_build_object('refused', 'unknown_copy');
  end if;
  -- An identity that it was given and has not used, or has just used, is nobody's any more.
  delete from public.agents as a where a.id = copy.adopted_as and a.handshakes_count = 0 returning * into adopted;
  if found then
    perform public.note_event(adopted, 'deleted', act);
  else
    perform public.revoke_agent(copy.adopted_as, null, act);
  end if;
  perform public.forget_instance(original.id, copy.instance_id);
  update public.agent_beats as b set
      revoked_instances = (b.revoked_instances || copy.instance_id)[greatest(1, cardinality(b.revoked_instances) - 6):],
      rotation_requested_at = coalesce(
        b.rotation_requested_at, case when 'rotate' = any (original.supports) then now() end
      )
    where b.agent_id = original.id;
  perform public.note_event(original, 'copy_revoked', act, jsonb_build_object(
    'instance_id', copy.instance_id, 'hostname', copy.hostname, 'address', copy.address
  ));
  return jsonb_build_object('agent', public.agent_json(original));
end
$$;
comment on function public.revoke_copy(uuid, uuid, uuid, jsonb) is
  'Refuses the beats and handshakes of a copy, takes back what it was adopted as, and asks the other one to rotate if it can: {"agent": …}, or {"refused": "unknown_copy"}; null as in get_agent. The second time changes nothing.';
revoke all on function public.revoke_copy(uuid, uuid, uuid, jsonb) from public, anon, authenticated;
grant execute on function public.revoke_copy(uuid, uuid, uuid, jsonb) to service_role;

create function public.forget_copies()
  returns void language plpgsql volatile set search_path = '' as $$
declare
  unconfirmed public.agents;
begin
  -- In the order of the ids, the agents first, as every list of beats is locked.
  perform 1 from public.agents as a
    where a.adopted_from is not null and a.handshakes_count = 0 and a.created_at <= now() - interval '1 day'
    order by a.id for update;
  perform 1 from public.agent_beats as b
    where b.agent_id in (
      select c.agent_id from public.agent_beats as c where c.copies <> '{}' or c.adopting_instances <> '{}'
      union all
      select a.id from public.agents as a
      where a.adopted_from is not null and a.handshakes_count = 0 and a.created_at <= now() - interval '1 day'
    )
    order by b.agent_id for update;
  for unconfirmed in
    delete from public.agents as a
    where a.adopted_from is not null and a.handshakes_count = 0 and a.created_at <= now() - interval '1 day'
    returning *
  loop
    perform public.note_event(unconfirmed, 'deleted', '{"actor": "server"}');
  end loop;
  update public.agent_beats as b set
      copies = known.copies,
      adopting_instances = known.adopting
    from (
      select c.agent_id,
        array(
          select i.instance_id from public.agent_instances as i
          where i.agent_id = c.agent_id and i.instance_id = any (c.copies) and now() - interval '1 day' <
            case when i.instance_id = c.last_instance_id then c.last_seen_at else i.last_seen_at end
          order by i.place
        ) as copies,
        array(
          select i.instance_id from public.agent_instances as i
          where i.agent_id = c.agent_id and i.instance_id = any (c.adopting_instances) and i.adopted_as is not null
          order by i.place
        ) as adopting
      from public.agent_beats as c
      where c.copies <> '{}' or c.adopting_instances <> '{}'
    ) as known
    where b.agent_id = known.agent_id
      and (b.copies, b.adopting_instances) is distinct from (known.copies, known.adopting);
  delete from public.agent_turns as t where t.at < now() - interval '4 days';
end
$$;
comment on function public.forget_copies() is
  'Lets the copies go that have not beaten for a day, and the agents that were made for copies and have not shaken hands within one.';
revoke all on function public.forget_copies() from public, anon, authenticated;
grant execute on function public.forget_copies() to service_role;
