create function public.open_sessions(handshakes jsonb)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  let_in bigint[];
  agents uuid[];
  rotated uuid[];
  replies jsonb;
begin
  -- Only rows whose digest fits are locked, in the order of their ids. What waited for the lock is compared anew with
  -- the row as it is by then, so that no handshake outlives a rotation or a revocation that it waited for.
  select array_agg(fitting.place), array_agg(fitting.id), array_agg(fitting.id) filter (where fitting.is_pending)
    into let_in, agents, rotated
    from (
      select h.place, a.id, a.pending_secret = h.secret_digest as is_pending
      from rows from (
        jsonb_to_recordset(handshakes) as (agent_id uuid, secret_digest text, instance_id uuid)
      ) with ordinality as h (agent_id, secret_digest, instance_id, place)
      join public.agents as a on a.id = h.agent_id
      join public.agent_beats as b on b.agent_id = a.id
      where a.revoked_at is null
        and h.secret_digest in (
          a.agent_secret, a.pending_secret, case when a.previous_secret_expires_at > now() then a.previous_secret end
        )
        and (h.instance_id = any (b.revoked_instances)) is not true
        -- An adoption holds for a day, also where upkeep, which removes the agent, comes late or not at all.
        and (a.adopted_from is null or a.handshakes_count > 0 or a.created_at > now() - interval '1 day')
      order by a.id
      for no key update of a
    ) as fitting;
  if let_in is null then
    return null;
  elsif cardinality(agents) > (select count(distinct id) from unnest(agents) as id) then
    raise exception 'a list of handshakes names an agent twice' using errcode = '21000';
  end if;
  -- A later statement than the one that waited: it sees in agent_beats what the acts that were waited for have left.
  with handshake as materialized (
    select h.*
    from rows from (
      jsonb_to_recordset(handshakes)
        as (agent_id uuid, secret_digest text, instance_id uuid, client jsonb, address text)
    ) with ordinality as h (agent_id, secret_digest, instance_id, client, address, place)
  ), opened as (
    update public.agents as a set
      last_handshake_at = now(),
      handshakes_count = a.handshakes_count + 1,
      version = coalesce(h.client ->> 'version', a.version),
      hostname = coalesce(h.client ->> 'hostname', a.hostname),
      os = coalesce(h.client ->> 'os', a.os),
      arch = coalesce(h.client ->> 'arch', a.arch),
      supports = array(select jsonb_array_elements_text(coalesce(h.client -> 'supports', '[]'))),
      last_secret = case when h.secret_digest in (a.agent_secret, a.pending_secret) then 'current' else 'previous' end,
      -- The first use of the pending secret ends the rotation: the one before it is kept, and good no longer.
      (
        agent_secret, secret_created_at, previous_secret, previous_secret_created_at, previous_secret_expires_at,
        pending_secret, pending_secret_created_at
      ) = (
        select
          case when used then a.pending_secret else a.agent_secret end,
          case when used then a.pending_secret_created_at else a.secret_created_at end,
          case when used then a.agent_secret else a.previous_secret end,
          case when used then a.secret_created_at else a.previous_secret_created_at end,
          case when used then '-infinity' else a.previous_secret_expires_at end,
          case when not used then a.pending_secret end,
          case when not used then a.pending_secret_created_at end
        from (select coalesce(a.pending_secret = h.secret_digest, false) as used) as pending
      )
    from handshake as h
    join public.agent_beats as b on b.agent_id = h.agent_id
    -- By its place: beside it, the list may hold other handshakes of this agent, with wrong secrets.
    where h.place = any (let_in) and a.id = h.agent_id and (h.instance_id = any (b.revoked_instances)) is not true
    returning a.*, b.session_epoch, coalesce(h.instance_id = any (b.adopting_instances), false) as is_adopting,
      h.place, h.instance_id, h.client, h.address
  ), first as (
    insert into public.agent_events (agent_id, owner_id, agent_name, kind, actor, address, detail)
    select o.id, o.owner_id, o.name, 'first_handshake', 'agent', o.address, o.client
    from opened as o where o.handshakes_count = 1
  ), instance as (
    insert into public.agent_instances as i (agent_id, instance_id, hostname, address, supports)
    select o.id, o.instance_id, o.client ->> 'hostname', o.address, o.supports
    from opened as o where o.instance_id is not null
    order by o.id
    on conflict on constraint agent_instances_pkey do update set
      noted_at = now(), hostname = excluded.hostname, address = excluded.address, supports = excluded.supports
    -- Nothing has deleted, locked or replaced a row that was added just now.
    returning i.agent_id, i.instance_id, i.xmax = 0 as is_new
  ), forgotten as (
    -- This statement does not see the rows that it adds: with them there are eight of each agent.
    delete from public.agent_instances as i using (
      select other.agent_id, other.instance_id,
        row_number() over (partition by added.agent_id order by other.noted_at desc, other.place desc) as age
      from instance as added
      join public.agent_instances as other
        on other.agent_id = added.agent_id and other.instance_id <> added.instance_id
      where added.is_new
    ) as old
    where old.age > 7 and i.agent_id = old.agent_id and i.instance_id = old.instance_id
  )
  select jsonb_agg(
    case when o.id is not null then jsonb_build_object(
      'id', o.id, 'name', o.name, 'epoch', o.session_epoch,
      'heartbeat_interval_seconds', o.heartbeat_interval_seconds,
      'secret_age_seconds', floor(greatest(0, extract(epoch from now() - coalesce(
        case o.last_secret when 'current' then o.secret_created_at else o.previous_secret_created_at end,
        o.created_at
      )))),
      'adopting', o.is_adopting,
      'adopted', o.adopted_from is not null
    ) end
    order by handshake.place
  )
  into replies
  from handshake left join opened as o on o.place = handshake.place;
  if rotated is not null then
    perform 1 from public.agent_beats as b where b.agent_id = any (rotated) order by b.agent_id for no key update;
    update public.agent_beats as b set rotation_requested_at = null where b.agent_id = any (rotated);
  end if;
  return replies;
end
$$;
comment on function public.open_sessions(jsonb) is
  'Opens sessions for a list of {agent_id, secret_digest, instance_id, client, address} that lets no agent in twice: compares each digest with the current secret, the pending one and the previous one in its overlap, counts and stamps the handshake, and returns a list of the same length and order of what the replies need. Null in it, with nothing written and no row locked, for an unknown id, another secret, no secret, a revoked agent, a revoked copy and an adoption that was not confirmed within a day alike; null in its place where nobody was let in.';
revoke all on function public.open_sessions(jsonb) from public, anon, authenticated;
grant execute on function public.open_sessions(jsonb) to service_role;

create function public.rotate_own_secret(
  agent_id uuid, secret_digest text, instance_id uuid, pending_digest text, address text
)
  returns boolean language plpgsql volatile set search_path = '' as $$
declare
  rotated public.agents;
begin
  -- Locked as in open_sessions, and looked at once more after that.
  perform 1
    from public.agents as a join public.agent_beats as b on b.agent_id = a.id
    where a.id = rotate_own_secret.agent_id
      and a.agent_secret = rotate_own_secret.secret_digest
      and a.revoked_at is null
      and (rotate_own_secret.instance_id = any (b.revoked_instances)) is not true
      and (a.adopted_from is null or a.handshakes_count > 0 or a.created_at > now() - interval '1 day')
    for no key update of a;
  if not found then
    return null;
  end if;
  update public.agents as a set
      pending_secret = pending_digest,
      pending_secret_created_at = now(),
      -- At most two are good at a time: the pending one takes the place of the one in its overlap.
      previous_secret_expires_at = case when a.previous_secret is not null then '-infinity'::timestamptz end
    from public.agent_beats as b
    where a.id = rotate_own_secret.agent_id and b.agent_id = a.id
      and (rotate_own_secret.instance_id = any (b.revoked_instances)) is not true
    returning a.* into rotated;
  if not found then
    return null;
  end if;
  perform public.note_event(
    rotated, 'secret_rotated', jsonb_build_object('actor', 'agent', 'address', rotate_own_secret.address),
    jsonb_build_object('instance_id', rotate_own_secret.instance_id)
  );
  return true;
end
$$;
comment on function public.rotate_own_secret(uuid, text, uuid, text, text) is
  'Keeps the digest of a new secret beside the agent''s current one, which has to be the one presented; an unused one of before is dropped. Null, with nothing written and no row locked, where open_sessions would let nobody in, and for a secret in its overlap or a pending one.';
revoke all on function public.rotate_own_secret(uuid, text, uuid, text, text) from public, anon, authenticated;
grant execute on function public.rotate_own_secret(uuid, text, uuid, text, text) to service_role;

create function public.record_refusals(refusals jsonb)
  returns void language sql volatile set search_path = '' as $$
  with refusal as (
    select
      (r.value ->> 'agent_id')::uuid as agent_id,
      r.value ->> 'secret_digest' as secret_digest,
      (r.value ->> 'instance_id')::uuid as instance_id,
      (r.value ->> 'count')::bigint as count
    from jsonb_array_elements(record_refusals.refusals) as r (value)
  ), locked as (
    -- In the order of the ids, as every list of handshakes is locked.
    select a.*, b.revoked_instances
    from public.agents as a join public.agent_beats as b on b.agent_id = a.id
    where a.id in (select refusal.agent_id from refusal)
    order by a.id
    for no key update of a
  )
  update public.agents as a set
    last_refused_at = now(),
    refused_handshakes_count = locked.refused_handshakes_count + refusal.count,
    last_refusal = case
      when locked.revoked_at is not null then 'revoked'
      when locked.agent_secret is null then 'no_secret'
      when refusal.instance_id = any (locked.revoked_instances) and refusal.secret_digest in (
        locked.agent_secret, locked.pending_secret,
        case when locked.previous_secret_expires_at > now() then locked.previous_secret end
      ) then 'revoked_copy'
      when refusal.secret_digest = locked.previous_secret then 'expired_secret'
      -- The current one of an adoption that was not confirmed within its day, or of an agent that was revoked until now.
      when refusal.secret_digest = locked.agent_secret
      then case when locked.adopted_from is null then 'revoked' else 'expired_secret' end
      else 'wrong_secret'
    end
  from locked join refusal on refusal.agent_id = locked.id
  where a.id = locked.id
$$;
comment on function public.record_refusals(jsonb) is
  'Counts refused handshakes and rotations on the rows that there are: a list of {agent_id, secret_digest, instance_id, count} that names no agent twice. Called after the replies, so that their time tells nothing; why the last one was refused is decided here.';
revoke all on function public.record_refusals(jsonb) from public, anon, authenticated;
grant execute on function public.record_refusals(jsonb) to service_role;

create function public.read_session(agent_id uuid, epoch integer)
  returns jsonb language sql stable set search_path = '' as $$
  select public.agent_json(a) from public.agents as a join public.agent_beats as b on b.agent_id = a.id
  where a.id = read_session.agent_id and b.session_epoch = read_session.epoch and a.revoked_at is null
$$;
comment on function public.read_session(uuid, integer) is
  'The Agent of a session, or null when the session was ended. Writes nothing.';
revoke all on function public.read_session(uuid, integer) from public, anon, authenticated;
grant execute on function public.read_session(uuid, integer) to service_role;
