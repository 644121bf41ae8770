create function public.enrollment_use(code_digest text, host_digest text)
  returns text language sql stable set search_path = '' as $$
  select case
    when e.revoked_at is not null or e.expires_at <= now() then null
    when h.agent_id is null then case when e.used < e.uses then 'first' end
    when a.handshakes_count = 0 and a.revoked_at is null then 'again'
  end
  from public.enrollments as e
  left join public.enrollment_hosts as h on h.enrollment_id = e.id and h.host_digest = enrollment_use.host_digest
  left join public.agents as a on a.id = h.agent_id
  where e.code_digest = enrollment_use.code_digest
$$;
comment on function public.enrollment_use(text, text) is
  'What a code is good for, for this host: first, a new agent; again, a fresh secret for the agent that it got and that has not shaken hands; null, nothing.';
revoke all on function public.enrollment_use(text, text) from public, anon, authenticated;
grant execute on function public.enrollment_use(text, text) to service_role;

create function public.enroll(
  code_digest text, host_digest text, secret_digest text, hostname text, address text, owner_limit integer
)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  code public.enrollments;
  enrolled public.agents;
begin
  -- The first look takes no lock: a refusal writes nothing, and its time does not tell why.
  if public.enrollment_use(enroll.code_digest, enroll.host_digest) is null then
    return null;
  end if;
  select e.* into code from public.enrollments as e where e.code_digest = enroll.code_digest for update;
  -- By now another host may have had the last use, the same host its agent, or an operator revoked the code.
  case public.enrollment_use(enroll.code_digest, enroll.host_digest)
    when 'first' then
      if code.owner_id is not null then
        -- As in create_agent.
        perform pg_advisory_xact_lock(hashtextextended('openclaw owner ' || code.owner_id, 0));
        if (select count(*) >= owner_limit from public.agents as a where a.owner_id = code.owner_id) then
          return jsonb_build_object('refused', 'owner_limit');
        end if;
      end if;
      enrolled := public.enroll_agent(code, enroll.hostname, enroll.secret_digest, enroll.address);
    when 'again' then
      update public.agents as a set agent_secret = enroll.secret_digest, secret_created_at = now()
        from public.enrollment_hosts as h
        where h.enrollment_id = code.id and h.host_digest = enroll.host_digest and a.id = h.agent_id
          and a.handshakes_count = 0 and a.revoked_at is null
        returning a.* into enrolled;
    else null;
  end case;
  if enrolled.id is null then
    return null;
  end if;
  insert into public.enrollment_hosts as h (enrollment_id, host_digest, agent_id, hostname, address)
    values (code.id, enroll.host_digest, enrolled.id, enroll.hostname, enroll.address)
    on conflict on constraint enrollment_host_is_once_in_its_enrollment do update set
      agent_id = excluded.agent_id, hostname = excluded.hostname, address = excluded.address, happened_at = now();
  return jsonb_build_object('agent', jsonb_build_object('id', enrolled.id, 'name', enrolled.name));
exception
  -- The owner was deleted meanwhile, and the code with them.
  when foreign_key_violation then
    return null;
end
$$;
comment on function public.enroll(text, text, text, text, text, integer) is
  'Makes an agent with this secret for the host, or gives the one that it got before this secret: {"agent": {id, name}}; {"refused": "owner_limit"}, which uses nothing; null, with nothing written, for a code that is unknown, expired, revoked or used up, and for a host whose agent has shaken hands, is revoked or gone.';
revoke all on function public.enroll(text, text, text, text, text, integer) from public, anon, authenticated;
grant execute on function public.enroll(text, text, text, text, text, integer) to service_role;

create function public.enroll_agent(code public.enrollments, hostname text, secret_digest text, address text)
  returns public.agents language plpgsql volatile set search_path = '' as $$
declare
  enrolled public.agents;
  needs_id constant boolean := hostname is null and position('{hostname}' in code.name) > 0;
begin
  insert into public.agents (
      owner_id, name, labels, heartbeat_interval_seconds, progress_deadline_seconds, agent_secret, secret_created_at
    )
    values (
      code.owner_id,
      case when needs_id then 'agent' else left(replace(code.name, '{hostname}', coalesce(hostname, '')), 100) end,
      code.labels, code.heartbeat_interval_seconds, code.progress_deadline_seconds, enroll_agent.secret_digest, now()
    )
    returning * into enrolled;
  if needs_id then
    update public.agents as a set name = 'agent-' || left(a.id::text, 8) where a.id = enrolled.id
      returning * into enrolled;
  end if;
  update public.enrollments as e set used = e.used + 1 where e.id = code.id;
  perform public.note_event(
    enrolled, 'enrolled', jsonb_build_object('actor', 'enrollment:' || code.id, 'address', enroll_agent.address),
    jsonb_build_object(
      'name', enrolled.name, 'labels', enrolled.labels,
      'heartbeat_interval_seconds', enrolled.heartbeat_interval_seconds, 'hostname', enroll_agent.hostname
    )
  );
  return enrolled;
end
$$;
comment on function public.enroll_agent(public.enrollments, text, text, text) is
  'Makes an agent as the enrollment says, counts the use and adds the event. For enroll, which has checked and locked the enrollment. hostname: cleaned as names must be, or null.';
revoke all on function public.enroll_agent(public.enrollments, text, text, text) from public, anon, authenticated;
grant execute on function public.enroll_agent(public.enrollments, text, text, text) to service_role;

create function public.record_progress(code_digest text, host_digest text, progress jsonb, address text)
  returns boolean language plpgsql volatile set search_path = '' as $$
declare
  code public.enrollments;
begin
  -- A host that is known is heard for a day, also when the code has expired or is used up meanwhile.
  update public.enrollment_hosts as h set
      step = progress ->> 'step', failed = (progress ->> 'failed')::boolean, detail = progress ->> 'detail',
      address = record_progress.address, happened_at = now()
    from public.enrollments as e
    where e.code_digest = record_progress.code_digest and e.revoked_at is null
      and h.enrollment_id = e.id and h.host_digest = record_progress.host_digest
      and (e.expires_at > now() or h.created_at > now() - interval '1 day');
  if found then
    return true;
  end if;
  if public.enrollment_use(record_progress.code_digest, record_progress.host_digest) is distinct from 'first' then
    return null;
  end if;
  select e.* into code from public.enrollments as e
    where e.code_digest = record_progress.code_digest and e.revoked_at is null for update;
  if code.id is not null and (
    select count(*) < least(10 * code.uses, 1000) from public.enrollment_hosts as h
    where h.enrollment_id = code.id and h.agent_id is null
  ) then
    insert into public.enrollment_hosts (enrollment_id, host_digest, address, step, failed, detail)
      values (
        code.id, record_progress.host_digest, record_progress.address, progress ->> 'step',
        (progress ->> 'failed')::boolean, progress ->> 'detail'
      )
      on conflict on constraint enrollment_host_is_once_in_its_enrollment do update set
        step = excluded.step, failed = excluded.failed, detail = excluded.detail, address = excluded.address,
        happened_at = now();
    return true;
  end if;
  return null;
end
$$;
comment on function public.record_progress(text, text, jsonb, text) is
  'Records {step, failed, detail} of a host''s installer: true; null, with nothing recorded, where enroll refuses the code, a day after the host was first heard of, and for one host too many without an agent.';
revoke all on function public.record_progress(text, text, jsonb, text) from public, anon, authenticated;
grant execute on function public.record_progress(text, text, jsonb, text) to service_role;
