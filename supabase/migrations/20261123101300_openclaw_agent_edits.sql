create function public.edit_agent(agent_id uuid, owner_id uuid, changes jsonb, act jsonb)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  before public.agents;
  edited public.agents;
  changed jsonb;
begin
  select a.* into before
    from public.agents as a
    where a.id = edit_agent.agent_id and (edit_agent.owner_id is null or a.owner_id = edit_agent.owner_id)
    for update;
  if not found then
    return null;
  end if;
  -- What is not among the changes stays: the row is read over what it was.
  edited := jsonb_populate_record(before, changes);
  select coalesce(jsonb_object_agg(n.key, jsonb_build_object('from', o.value, 'to', n.value)), '{}')
    into changed
    from jsonb_each(to_jsonb(edited)) as n
    join jsonb_each(to_jsonb(before)) as o using (key)
    where n.key in ('name', 'labels', 'heartbeat_interval_seconds', 'progress_deadline_seconds', 'muted_until')
      and n.value <> o.value;
  if changed = '{}' then
    return public.agent_json(before);
  end if;
  update public.agents as a set
      name = edited.name,
      labels = edited.labels,
      heartbeat_interval_seconds = edited.heartbeat_interval_seconds,
      progress_deadline_seconds = edited.progress_deadline_seconds,
      muted_until = edited.muted_until
    where a.id = before.id
    returning * into edited;
  if changed ? 'muted_until' then
    perform public.note_event(edited, 'muted', act, jsonb_build_object('until', public.rfc3339(edited.muted_until)));
  end if;
  if changed - 'muted_until' <> '{}' then
    perform public.note_event(edited, 'edited', act, changed - 'muted_until');
  end if;
  return public.agent_json(edited);
end
$$;
comment on function public.edit_agent(uuid, uuid, jsonb, jsonb) is
  'Changes of an agent what changes names of {name, labels, heartbeat_interval_seconds, progress_deadline_seconds, muted_until}, and returns the Agent; what is so already is no change, and no event. Null as in get_agent.';
revoke all on function public.edit_agent(uuid, uuid, jsonb, jsonb) from public, anon, authenticated;
grant execute on function public.edit_agent(uuid, uuid, jsonb, jsonb) to service_role;

create function public.restore_agent(agent_id uuid, owner_id uuid, act jsonb)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  restored public.agents;
begin
  update public.agents as a set revoked_at = null, restored_at = now()
    where a.id = restore_agent.agent_id
      and (restore_agent.owner_id is null or a.owner_id = restore_agent.owner_id)
      and a.revoked_at is not null
    returning * into restored;
  if found then
    perform public.note_event(restored, 'restored', act);
  end if;
  return public.get_agent(restore_agent.agent_id, restore_agent.owner_id);
end
$$;
comment on function public.restore_agent(uuid, uuid, jsonb) is
  'Takes a revocation back, with the secret as it was and without the sessions of before, and returns the Agent; one that is not revoked stays as it is. Null as in get_agent.';
revoke all on function public.restore_agent(uuid, uuid, jsonb) from public, anon, authenticated;
grant execute on function public.restore_agent(uuid, uuid, jsonb) to service_role;

create function public.end_agent_sessions(agent_id uuid, owner_id uuid, act jsonb)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  ended public.agents;
begin
  select a.* into ended
    from public.agents as a
    where a.id = end_agent_sessions.agent_id
      and (end_agent_sessions.owner_id is null or a.owner_id = end_agent_sessions.owner_id)
      and a.revoked_at is null
    for update;
  if found then
    update public.agent_beats as b set session_epoch = b.session_epoch + 1 where b.agent_id = ended.id;
    perform public.note_event(ended, 'sessions_ended', act);
  end if;
  return public.get_agent(end_agent_sessions.agent_id, end_agent_sessions.owner_id);
end
$$;
comment on function public.end_agent_sessions(uuid, uuid, jsonb) is
  'Ends an agent''s sessions, so that it has to shake hands again, and returns the Agent. A revoked one has none, and stays as it is. Null as in get_agent.';
revoke all on function public.end_agent_sessions(uuid, uuid, jsonb) from public, anon, authenticated;
grant execute on function public.end_agent_sessions(uuid, uuid, jsonb) to service_role;

create function public.delete_agent(agent_id uuid, owner_id uuid, name text, act jsonb)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  deleted public.agents;
  last jsonb;
begin
  -- The row is locked before its name is compared: it cannot get another one in between.
  select a.* into deleted
    from public.agents as a
    where a.id = delete_agent.agent_id and (delete_agent.owner_id is null or a.owner_id = delete_agent.owner_id)
    for update;
  if not found then
    return null;
  end if;
  if deleted.name <> delete_agent.name then
    return jsonb_build_object('refused', 'other_name');
  end if;
  -- A beat that is being recorded is the last one.
  perform 1 from public.agent_beats as b where b.agent_id = deleted.id for update;
  last := public.agent_json(deleted);
  delete from public.agents as a where a.id = deleted.id;
  perform public.note_event(deleted, 'deleted', act);
  return jsonb_build_object('agent', last);
end
$$;
comment on function public.delete_agent(uuid, uuid, text, jsonb) is
  'Deletes an agent that has this name, but not its events: {"agent": what it was}, or {"refused": "other_name"} with nothing changed. Null as in get_agent.';
revoke all on function public.delete_agent(uuid, uuid, text, jsonb) from public, anon, authenticated;
grant execute on function public.delete_agent(uuid, uuid, text, jsonb) to service_role;
