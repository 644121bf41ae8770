create function public.create_agent(
  agent jsonb, owner_id uuid, owner_limit integer, secret_digest text, act jsonb
)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  created public.agents;
begin
  if owner_limit is not null then
    -- One owner's enrolments wait for each other, so that two at once cannot both be the last one.
    perform pg_advisory_xact_lock(hashtextextended('openclaw owner ' || create_agent.owner_id, 0));
    if (select count(*) >= owner_limit from public.agents as a where a.owner_id = create_agent.owner_id) then
      return jsonb_build_object('refused', 'owner_limit');
    end if;
  end if;
  insert into public.agents (
      owner_id, name, labels, heartbeat_interval_seconds, progress_deadline_seconds, agent_secret, secret_created_at
    )
    values (
      create_agent.owner_id, agent ->> 'name', agent -> 'labels', (agent ->> 'heartbeat_interval_seconds')::integer,
      (agent ->> 'progress_deadline_seconds')::integer, secret_digest,
      case when secret_digest is not null then now() end
    )
    returning * into created;
  perform public.note_event(created, 'created', act, jsonb_build_object(
    'name', created.name, 'labels', created.labels,
    'heartbeat_interval_seconds', created.heartbeat_interval_seconds
  ));
  return jsonb_build_object('agent', public.agent_json(created));
exception
  when foreign_key_violation then
    return jsonb_build_object('refused', 'owner_unknown');
end
$$;
comment on function public.create_agent(jsonb, uuid, integer, text, jsonb) is
  'Makes an agent of {name, labels, heartbeat_interval_seconds, progress_deadline_seconds}: {"agent": …}, or {"refused": "owner_limit"} when the owner has owner_limit of them (null: no limit), or {"refused": "owner_unknown"}.';
revoke all on function public.create_agent(jsonb, uuid, integer, text, jsonb)
  from public, anon, authenticated;
grant execute on function public.create_agent(jsonb, uuid, integer, text, jsonb) to service_role;

create function public.get_agent(agent_id uuid, owner_id uuid)
  returns jsonb language sql stable set search_path = '' as $$
  select public.agent_json(a) from public.agents as a
  where a.id = get_agent.agent_id and (get_agent.owner_id is null or a.owner_id = get_agent.owner_id)
$$;
comment on function public.get_agent(uuid, uuid) is
  'The Agent, or null when there is none or owner_id is given and it is not theirs.';
revoke all on function public.get_agent(uuid, uuid) from public, anon, authenticated;
grant execute on function public.get_agent(uuid, uuid) to service_role;

create function public.revoke_agent(agent_id uuid, owner_id uuid, act jsonb)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  revoked public.agents;
begin
  -- A trigger ends the sessions with it.
  update public.agents as a set revoked_at = now()
    where a.id = revoke_agent.agent_id
      and (revoke_agent.owner_id is null or a.owner_id = revoke_agent.owner_id)
      and a.revoked_at is null
    returning * into revoked;
  if found then
    perform public.note_event(revoked, 'revoked', act);
  end if;
  return public.get_agent(revoke_agent.agent_id, revoke_agent.owner_id);
end
$$;
comment on function public.revoke_agent(uuid, uuid, jsonb) is
  'Ends an agent''s sessions, lets it open no other, and returns the Agent; the second time changes nothing. Null as in get_agent.';
revoke all on function public.revoke_agent(uuid, uuid, jsonb) from public, anon, authenticated;
grant execute on function public.revoke_agent(uuid, uuid, jsonb) to service_role;
