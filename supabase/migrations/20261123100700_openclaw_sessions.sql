create function public.open_session(agent_id uuid, secret_digest text, client jsonb)
  returns jsonb language sql volatile set search_path = '' as $$
  with opened as (
    update public.agents as a set
      last_handshake_at = now(),
      handshakes_count = a.handshakes_count + 1,
      version = coalesce(client ->> 'version', a.version),
      hostname = coalesce(client ->> 'hostname', a.hostname),
      os = coalesce(client ->> 'os', a.os),
      arch = coalesce(client ->> 'arch', a.arch),
      supports = array(select jsonb_array_elements_text(coalesce(client -> 'supports', '[]')))
    where a.id = open_session.agent_id
      and a.agent_secret = open_session.secret_digest
      and a.revoked_at is null
    returning a.*
  ), noted as (
    insert into public.agent_events (agent_id, owner_id, agent_name, kind, actor, detail)
    select o.id, o.owner_id, o.name, 'first_handshake', 'agent', open_session.client
    from opened as o where o.handshakes_count = 1
  )
  select jsonb_build_object(
    'id', o.id, 'name', o.name, 'epoch', o.session_epoch,
    'heartbeat_interval_seconds', o.heartbeat_interval_seconds
  )
  from opened as o
$$;
comment on function public.open_session(uuid, text, jsonb) is
  'Compares the digest, counts and stamps the handshake, and returns what its reply needs; null, with nothing written, for an unknown id, another secret, no secret and a revoked agent alike.';
revoke all on function public.open_session(uuid, text, jsonb) from public, anon, authenticated;
grant execute on function public.open_session(uuid, text, jsonb) to service_role;

create function public.record_refusal(agent_id uuid)
  returns void language sql volatile set search_path = '' as $$
  update public.agents as a set
    last_refused_at = now(), refused_handshakes_count = a.refused_handshakes_count + 1
  where a.id = record_refusal.agent_id
$$;
comment on function public.record_refusal(uuid) is
  'Counts a refused handshake on the row, if there is one. Called after the reply, so that its time tells nothing.';
revoke all on function public.record_refusal(uuid) from public, anon, authenticated;
grant execute on function public.record_refusal(uuid) to service_role;

create function public.read_session(agent_id uuid, epoch integer)
  returns jsonb language sql stable set search_path = '' as $$
  select public.agent_json(a) from public.agents as a
  where a.id = read_session.agent_id and a.session_epoch = read_session.epoch and a.revoked_at is null
$$;
comment on function public.read_session(uuid, integer) is
  'The Agent of a session, or null when the session was ended. Writes nothing.';
revoke all on function public.read_session(uuid, integer) from public, anon, authenticated;
grant execute on function public.read_session(uuid, integer) to service_role;
