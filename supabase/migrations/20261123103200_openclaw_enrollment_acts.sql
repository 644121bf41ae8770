create function public.remove_old_enrollments()
  returns void language sql volatile set search_path = '' as $$
  -- What another call is removing is left to it.
  delete from public.enrollments as e where e.id in (
    select o.id from public.enrollments as o where o.expires_at < now() - interval '30 days' for update skip locked
  )
$$;
comment on function public.remove_old_enrollments() is
  'Removes the enrollments whose codes expired more than 30 days ago, with their hosts.';
revoke all on function public.remove_old_enrollments() from public, anon, authenticated;
grant execute on function public.remove_old_enrollments() to service_role;

create function public.create_enrollment(
  enrollment jsonb, owner_id uuid, owner_limit integer, code_digest text, act jsonb
)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  created public.enrollments;
begin
  -- Here, too, because nothing may run upkeep: so they are bounded by what is made in 60 days.
  perform public.remove_old_enrollments();
  if owner_limit is not null then
    perform pg_advisory_xact_lock(hashtextextended('openclaw owner ' || create_enrollment.owner_id, 0));
    if (
      select count(*) >= owner_limit from public.enrollments as e where e.owner_id = create_enrollment.owner_id
    ) then
      return jsonb_build_object('refused', 'owner_limit');
    end if;
  end if;
  insert into public.enrollments (
      owner_id, code_digest, name, labels, heartbeat_interval_seconds, progress_deadline_seconds, uses, expires_at
    )
    values (
      create_enrollment.owner_id, create_enrollment.code_digest, enrollment ->> 'name', enrollment -> 'labels',
      (enrollment ->> 'heartbeat_interval_seconds')::integer,
      (enrollment ->> 'progress_deadline_seconds')::integer,
      (enrollment ->> 'uses')::integer, now() + make_interval(secs => (enrollment ->> 'expires_in')::integer)
    )
    returning * into created;
  perform public.note_owner_event(created.owner_id, 'enrollment_created', act, jsonb_build_object(
    'id', created.id, 'name', created.name, 'uses', created.uses,
    'expires_at', public.rfc3339(created.expires_at)
  ));
  return jsonb_build_object('enrollment', public.enrollment_json(created));
exception
  when foreign_key_violation then
    return jsonb_build_object('refused', 'owner_unknown');
end
$$;
comment on function public.create_enrollment(jsonb, uuid, integer, text, jsonb) is
  'Makes an enrollment of {name, labels, heartbeat_interval_seconds, progress_deadline_seconds, uses, expires_in}: {"enrollment": …}, or refused as in create_agent, where owner_limit counts enrollments.';
revoke all on function public.create_enrollment(jsonb, uuid, integer, text, jsonb) from public, anon, authenticated;
grant execute on function public.create_enrollment(jsonb, uuid, integer, text, jsonb) to service_role;

create function public.list_enrollments(owner_id uuid, page_limit integer, after jsonb)
  returns jsonb language sql stable set search_path = '' as $$
  with page as (
    select e as enrollment, row_number() over (order by e.created_at desc, e.id desc) as place
    from public.enrollments as e
    where (list_enrollments.owner_id is null or e.owner_id = list_enrollments.owner_id)
      and (
        after is null
        or (e.created_at, e.id) < (
          'epoch'::timestamptz + (after ->> 'created_us')::bigint * interval '1 microsecond', (after ->> 'id')::uuid
        )
      )
    order by e.created_at desc, e.id desc
    limit page_limit + 1
  )
  select public.page_of(coalesce(jsonb_agg(jsonb_build_object(
    'row', public.enrollment_json(p.enrollment),
    'key', jsonb_build_object('created_us', public.microseconds((p.enrollment).created_at), 'id', (p.enrollment).id)
  ) order by p.place), '[]'), page_limit)
  from page as p
$$;
comment on function public.list_enrollments(uuid, integer, jsonb) is
  'A page of an owner''s enrollments (null: of all), the newest first, as list_reader_keys.';
revoke all on function public.list_enrollments(uuid, integer, jsonb) from public, anon, authenticated;
grant execute on function public.list_enrollments(uuid, integer, jsonb) to service_role;

create function public.get_enrollment(enrollment_id uuid, owner_id uuid)
  returns jsonb language sql stable set search_path = '' as $$
  select jsonb_build_object(
    'enrollment', public.enrollment_json(e),
    'hosts', coalesce((
      select jsonb_agg(
        jsonb_build_object(
          'agent_id', h.agent_id, 'hostname', h.hostname, 'address', h.address, 'step', h.step,
          'failed', h.failed, 'detail', h.detail, 'at', public.rfc3339(h.happened_at)
        )
        order by h.happened_at desc, h.host_digest
      )
      from (
        select * from public.enrollment_hosts as all_hosts
        where all_hosts.enrollment_id = e.id
        order by all_hosts.happened_at desc, all_hosts.host_digest
        limit 1000
      ) as h
    ), '[]')
  )
  from public.enrollments as e
  where e.id = get_enrollment.enrollment_id
    and (get_enrollment.owner_id is null or e.owner_id = get_enrollment.owner_id)
$$;
comment on function public.get_enrollment(uuid, uuid) is
  '{"enrollment": …, "hosts": the 1,000 that were last heard of}; null as in get_agent.';
revoke all on function public.get_enrollment(uuid, uuid) from public, anon, authenticated;
grant execute on function public.get_enrollment(uuid, uuid) to service_role;

create function public.revoke_enrollment(enrollment_id uuid, owner_id uuid, act jsonb)
  returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  revoked public.enrollments;
begin
  update public.enrollments as e set revoked_at = now()
    where e.id = revoke_enrollment.enrollment_id
      and (revoke_enrollment.owner_id is null or e.owner_id = revoke_enrollment.owner_id)
      and e.revoked_at is null
    returning * into revoked;
  if found then
    perform public.note_owner_event(revoked.owner_id, 'enrollment_revoked', act, jsonb_build_object(
      'id', revoked.id, 'name', revoked.name, 'used', revoked.used
    ));
  end if;
  return (
    select public.enrollment_json(e) from public.enrollments as e
    where e.id = revoke_enrollment.enrollment_id
      and (revoke_enrollment.owner_id is null or e.owner_id = revoke_enrollment.owner_id)
  );
end
$$;
comment on function public.revoke_enrollment(uuid, uuid, jsonb) is
  'Lets a code make no more agents, and returns the enrollment; the second time changes nothing. Its agents stay. Null as in get_agent.';
revoke all on function public.revoke_enrollment(uuid, uuid, jsonb) from public, anon, authenticated;
grant execute on function public.revoke_enrollment(uuid, uuid, jsonb) to service_role;
