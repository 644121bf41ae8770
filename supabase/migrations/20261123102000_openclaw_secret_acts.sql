create function public.rotate_secret(
  agent_id uuid, owner_id uuid, secret_digest text, overlap_seconds integer, act jsonb
)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  rotated public.agents;
begin
  update public.agents as a set
      agent_secret = secret_digest,
      secret_created_at = now(),
      previous_secret = a.agent_secret,
      previous_secret_created_at = a.secret_created_at,
      previous_secret_expires_at = case
        when a.agent_secret is null then null
        when overlap_seconds = 0 then '-infinity'
        else now() + make_interval(secs => overlap_seconds)
      end,
      pending_secret = null,
      pending_secret_created_at = null,
      -- The last session's secret is now the one before, or none of the two.
      last_secret = case when a.last_secret = 'current' and a.agent_secret is not null then 'previous' end
    where a.id = rotate_secret.agent_id
      and (rotate_secret.owner_id is null or a.owner_id = rotate_secret.owner_id)
    returning * into rotated;
  if not found then
    return null;
  end if;
  update public.agent_beats as b set
      rotation_requested_at = null,
      session_epoch = b.session_epoch + case when overlap_seconds = 0 then 1 else 0 end,
      -- What they could come back with has ended, and the same process may be given the new secret.
      revoked_instances = case when overlap_seconds = 0 then '{}' else b.revoked_instances end
    where b.agent_id = rotated.id;
  perform public.note_event(
    rotated, 'secret_rotated', act, jsonb_build_object('overlap_seconds', overlap_seconds)
  );
  return public.agent_json(rotated);
end
$$;
comment on function public.rotate_secret(uuid, uuid, text, integer, jsonb) is
  'Makes this digest the agent''s current secret, lets the one before it be good for overlap_seconds, and drops a pending one; 0 ends the one before and all sessions. Returns the Agent; null as in get_agent. A revoked agent stays revoked.';
revoke all on function public.rotate_secret(uuid, uuid, text, integer, jsonb) from public, anon, authenticated;
grant execute on function public.rotate_secret(uuid, uuid, text, integer, jsonb) to service_role;

create function public.request_rotation(agent_id uuid, owner_id uuid, act jsonb)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  asked public.agents;
begin
  select a.* into asked from public.agents as a
    where a.id = request_rotation.agent_id
      and (request_rotation.owner_id is null or a.owner_id = request_rotation.owner_id)
    for update;
  if not found then
    return null;
  elsif not 'rotate' = any (asked.supports) then
    return jsonb_build_object('refused', 'unsupported');
  elsif asked.last_secret = 'previous' then
    -- Only the current secret rotates: it would be refused with each beat.
    return jsonb_build_object('refused', 'previous_secret');
  end if;
  update public.agent_beats as b set rotation_requested_at = now()
    where b.agent_id = asked.id and b.rotation_requested_at is null;
  if found then
    perform public.note_event(asked, 'rotation_requested', act);
  end if;
  return jsonb_build_object('agent', public.agent_json(asked));
end
$$;
comment on function public.request_rotation(uuid, uuid, jsonb) is
  'Has the agent''s beats answered with a request to rotate until it has: {"agent": …}, or {"refused": …}: "unsupported" by a client that cannot, "previous_secret" while it has the secret of before; null as in get_agent. The second time changes nothing.';
revoke all on function public.request_rotation(uuid, uuid, jsonb) from public, anon, authenticated;
grant execute on function public.request_rotation(uuid, uuid, jsonb) to service_role;
