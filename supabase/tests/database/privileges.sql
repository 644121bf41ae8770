-- Over the catalogs: nobody but the service role may execute or write anything of ours, and what nobody
-- foresaw is found here. What an extension brought is not ours.
begin;
select no_plan();

create temporary view our_functions as
  select p.oid, p.oid::regprocedure::text as signature, p.proname, p.proowner, p.proacl, p.prosecdef, p.proconfig
  from pg_proc as p
  where p.pronamespace = 'public'::regnamespace
    and not exists (select 1 from pg_depend where objid = p.oid and deptype = 'e');
create temporary view our_relations as
  select c.oid, c.relname, c.relkind, c.relrowsecurity, c.reloptions
  from pg_class as c
  where c.relnamespace = 'public'::regnamespace and c.relkind not in ('i', 'I', 'S')
    and not exists (select 1 from pg_depend where objid = c.oid and deptype = 'e');

select isnt_empty('select 1 from our_functions', 'there are functions to look at');
select set_eq(
  'select relname::text from our_relations', $$values ('agents'), ('agent_beats'), ('agent_events'), ('agent_instances'),
    ('agent_turns'), ('reader_keys'), ('enrollments'), ('enrollment_hosts'), ('fleet'),
    ('ticks'), ('server_gaps'), ('incidents'), ('incident_agents'), ('agent_troubles'), ('channels'), ('deliveries'),
    ('history_settings'), ('history_beats'), ('history_hours'), ('history_minutes'), ('agent_gaps')$$,
  'there are these tables and views, and no others'
);

-- Functions
select set_eq(
  $$select signature, grantee::regrole::text from our_functions,
      aclexplode(coalesce(proacl, acldefault('f', proowner)))
    where grantee not in (proowner, to_regrole('service_role'))$$,
  -- fleet is a view that asks as its reader, who so needs what it calls.
  $$values
    ('agent_liveness(timestamp with time zone,timestamp with time zone,timestamp with time zone,text,timestamp with time zone,boolean,timestamp with time zone,integer,integer,timestamp with time zone)',
      'authenticated'),
    ('agent_liveness_since(text,timestamp with time zone,timestamp with time zone,timestamp with time zone,timestamp with time zone,timestamp with time zone,timestamp with time zone,timestamp with time zone,integer,integer,timestamp with time zone)',
      'authenticated')$$,
  'nobody but the service role executes a function, with two exceptions for readers of fleet'
);
select set_eq(
  $$select routine_name::text, grantee::text from information_schema.role_routine_grants as g
    where routine_schema = 'public' and grantee in ('PUBLIC', 'anon', 'authenticated')
      and routine_name in (select proname from our_functions)$$,
  $$values ('agent_liveness', 'authenticated'), ('agent_liveness_since', 'authenticated')$$,
  'information_schema says the same'
);
select ok(
  has_function_privilege('service_role', oid, 'execute'), format('the service role executes %s', signature)
) from our_functions;
-- They delete events past their time, which is granted to nobody, and make and drop partitions.
select set_eq(
  'select signature from our_functions where prosecdef',
  $$values ('remove_old_events()'), ('add_history_days(date,date)'), ('drop_history_days(date,date)')$$,
  'all functions act in their caller''s name, but these'
);
select is(proconfig, array['search_path=""'], format('%s has an empty search_path', signature))
  from our_functions;
select ok(obj_description(oid, 'pg_proc') is not null, format('%s has a comment', signature))
  from our_functions;

-- Tables and views
select ok(obj_description(oid, 'pg_class') is not null, format('%s has a comment', relname))
  from our_relations;
select ok(relrowsecurity, format('%s has row-level security', relname))
  from our_relations where relkind in ('r', 'p');
select ok('security_invoker=true' = any (reloptions), format('%s asks in its reader''s name', relname))
  from our_relations where relkind = 'v';
select is_empty(
  $$select relname from our_relations where relkind not in ('r', 'p', 'v')$$,
  'there is nothing but tables and views: row-level security guards nothing else'
);

select set_eq(
  $$select grantee::text, table_name::text, privilege_type::text from information_schema.role_table_grants
    where table_schema = 'public' and table_name in (select relname from our_relations)
      and grantee <> current_user$$,
  $$values
    ('authenticated', 'agent_events', 'SELECT'), ('authenticated', 'fleet', 'SELECT'),
    ('authenticated', 'server_gaps', 'SELECT'), ('authenticated', 'incidents', 'SELECT'),
    ('authenticated', 'incident_agents', 'SELECT'),
    ('authenticated', 'deliveries', 'SELECT'),
    ('service_role', 'agents', 'SELECT'), ('service_role', 'agents', 'DELETE'),
    ('service_role', 'agent_beats', 'SELECT'),
    ('service_role', 'agent_events', 'SELECT'), ('service_role', 'fleet', 'SELECT'),
    ('service_role', 'agent_instances', 'SELECT'), ('service_role', 'agent_instances', 'DELETE'),
    ('service_role', 'agent_turns', 'SELECT'), ('service_role', 'agent_turns', 'DELETE'),
    ('service_role', 'reader_keys', 'SELECT'), ('service_role', 'reader_keys', 'DELETE'),
    ('service_role', 'enrollments', 'SELECT'), ('service_role', 'enrollments', 'DELETE'),
    ('service_role', 'enrollment_hosts', 'SELECT'),
    ('service_role', 'ticks', 'SELECT'), ('service_role', 'server_gaps', 'SELECT'), ('service_role', 'server_gaps', 'DELETE'),
    ('service_role', 'incidents', 'SELECT'), ('service_role', 'incidents', 'DELETE'),
    ('service_role', 'incident_agents', 'SELECT'),
    ('service_role', 'agent_troubles', 'SELECT'), ('service_role', 'agent_troubles', 'DELETE'),
    ('service_role', 'channels', 'SELECT'), ('service_role', 'channels', 'DELETE'),
    ('service_role', 'deliveries', 'SELECT'), ('service_role', 'deliveries', 'DELETE'),
    ('service_role', 'history_settings', 'SELECT'),
    ('service_role', 'history_beats', 'SELECT'), ('service_role', 'history_beats', 'DELETE'),
    ('service_role', 'history_hours', 'SELECT'), ('service_role', 'history_hours', 'DELETE'),
    ('service_role', 'history_minutes', 'SELECT'), ('service_role', 'history_minutes', 'DELETE'),
    ('service_role', 'agent_gaps', 'SELECT'), ('service_role', 'agent_gaps', 'DELETE')$$,
  'whole tables are granted only for reading, and some for deleting, to these'
);
select set_eq(
  $$select grantee::text, privilege_type::text from information_schema.column_privileges
    where table_schema = 'public' and column_name in ('agent_secret', 'previous_secret', 'pending_secret', 'session_epoch')
      and grantee <> current_user$$,
  $$values ('service_role', 'SELECT'), ('service_role', 'INSERT'), ('service_role', 'UPDATE')$$,
  'secrets and epoch are granted to nobody but the service role'
);
select set_eq(
  $$select grantee::text, privilege_type::text from information_schema.column_privileges
    where table_schema = 'public' and column_name = 'settings' and grantee <> current_user$$,
  $$values ('service_role', 'SELECT'), ('service_role', 'INSERT'), ('service_role', 'UPDATE')$$,
  'where channels tell, and by what credentials, is granted to nobody but the service role'
);
select set_eq(
  $$select table_name::text, column_name::text from information_schema.column_privileges
    where table_schema = 'public' and privilege_type = 'INSERT' and grantee = 'service_role'$$,
  $$values ('agents', 'owner_id'), ('agents', 'name'), ('agents', 'labels'),
    ('agents', 'heartbeat_interval_seconds'), ('agents', 'progress_deadline_seconds'),
    ('agents', 'adopted_from'), ('agent_beats', 'agent_id'), ('agent_beats', 'interval_seconds'),
    ('agent_beats', 'deadline_seconds'),
    ('agent_instances', 'agent_id'), ('agent_instances', 'instance_id'),
    ('agent_instances', 'hostname'), ('agent_instances', 'address'), ('agent_instances', 'supports'),
    ('agent_instances', 'last_seen_at'), ('agent_turns', 'agent_id'), ('agent_turns', 'instance_id'),
    ('agent_turns', 'seq'), ('agent_turns', 'at'), ('agent_turns', 'stopping'),
    ('agents', 'agent_secret'), ('agents', 'secret_created_at'), ('agent_events', 'agent_id'),
    ('agent_events', 'owner_id'), ('agent_events', 'agent_name'), ('agent_events', 'kind'),
    ('agent_events', 'actor'), ('agent_events', 'address'), ('agent_events', 'detail'),
    ('reader_keys', 'owner_id'), ('reader_keys', 'name'), ('reader_keys', 'key_digest'),
    ('enrollments', 'owner_id'), ('enrollments', 'code_digest'), ('enrollments', 'name'),
    ('enrollments', 'labels'), ('enrollments', 'heartbeat_interval_seconds'),
    ('enrollments', 'progress_deadline_seconds'), ('enrollments', 'uses'), ('enrollments', 'expires_at'),
    ('enrollment_hosts', 'enrollment_id'), ('enrollment_hosts', 'host_digest'), ('enrollment_hosts', 'agent_id'),
    ('enrollment_hosts', 'hostname'), ('enrollment_hosts', 'address'), ('enrollment_hosts', 'step'),
    ('enrollment_hosts', 'failed'), ('enrollment_hosts', 'detail'), ('enrollment_hosts', 'happened_at'),
    ('ticks', 'ticked_at'), ('ticks', 'every_seconds'), ('server_gaps', 'began_at'), ('server_gaps', 'ended_at'),
    ('server_gaps', 'excused_until'), ('incidents', 'owner_id'), ('incidents', 'kind'), ('incidents', 'opened_at'), ('incidents', 'joined_at'),
    ('incidents', 'reason'), ('incident_agents', 'incident_id'), ('incident_agents', 'agent_id'),
    ('incident_agents', 'agent_name'), ('incident_agents', 'joined_at'), ('agent_troubles', 'agent_id'),
    ('agent_troubles', 'kind'), ('agent_troubles', 'noted_at'), ('channels', 'owner_id'), ('channels', 'name'),
    ('channels', 'kind'), ('channels', 'settings'), ('channels', 'labels'), ('channels', 'kinds'),
    ('channels', 'after_seconds'), ('channels', 'remind_after_seconds'), ('channels', 'enabled'),
    ('deliveries', 'channel_id'), ('deliveries', 'incident_id'), ('deliveries', 'type'), ('deliveries', 'incident'),
    ('deliveries', 'next_attempt_at'), ('deliveries', 'created_at'), ('history_beats', 'agent_id'),
    ('history_beats', 'status'), ('history_beats', 'metrics'), ('history_hours', 'agent_id'),
    ('history_hours', 'hour_at'), ('history_hours', 'known'), ('history_hours', 'others'),
    ('history_hours', 'figures'), ('history_minutes', 'agent_id'), ('history_minutes', 'hour_at'),
    ('history_minutes', 'minutes'), ('agent_gaps', 'agent_id'), ('agent_gaps', 'began_at'),
    ('agent_gaps', 'ended_at'), ('agent_gaps', 'reason'), ('agent_gaps', 'detail')$$,
  'the service role inserts into these columns alone'
);
select set_eq(
  $$select table_name::text, column_name::text from information_schema.column_privileges
    where table_schema = 'public' and privilege_type = 'UPDATE' and grantee = 'service_role'$$,
  $$select 'agents', name from unnest(array['name', 'labels', 'heartbeat_interval_seconds',
    'progress_deadline_seconds', 'muted_until', 'restored_at', 'supports', 'version', 'hostname', 'os', 'arch',
    'revoked_at', 'last_handshake_at', 'handshakes_count', 'last_refused_at', 'refused_handshakes_count',
    'last_refusal', 'agent_secret', 'secret_created_at', 'previous_secret', 'previous_secret_expires_at',
    'previous_secret_created_at', 'pending_secret', 'pending_secret_created_at', 'last_secret', 'adopted_from']) as name
  union all select 'agent_beats', name from unnest(array['interval_seconds', 'session_epoch', 'rotation_requested_at',
    'copies', 'adopting_instances', 'revoked_instances', 'last_seen_at', 'online_since', 'heartbeats_count', 'status',
    'message', 'metrics', 'clock_offset_seconds', 'last_instance_id', 'last_seq', 'progress', 'last_progress_at',
    'deadline_from', 'back_at', 'deadline_seconds', 'busy']) as name
  union all select 'agent_instances', name from unnest(array['noted_at', 'hostname', 'address', 'supports',
    'last_seen_at', 'adopted_as', 'adopted_at']) as name

    union all values ('enrollments', 'used'), ('enrollments', 'revoked_at')
    union all
    select 'enrollment_hosts', name
    from unnest(array['agent_id', 'hostname', 'address', 'step', 'failed', 'detail', 'happened_at']) as name
    union all select 'incidents', name from unnest(array['opened_at', 'joined_at', 'quiet_since', 'closed_at',
      'reopened_at', 'agents_count', 'changes_count', 'labels', 'version', 'network', 'reason', 'first_beat_at',
      'last_beat_at', 'longest_interval_seconds', 'acknowledged_at', 'acknowledged_by']) as name
    union all values ('ticks', 'ticked_at'), ('ticks', 'every_seconds'), ('server_gaps', 'ended_at'),
      ('server_gaps', 'excused_until'), ('incident_agents', 'left_at'), ('incident_agents', 'returns_count'),
      ('agent_troubles', 'incident_id')
    union all select 'channels', name from unnest(array['name', 'settings', 'labels', 'kinds', 'after_seconds',
      'remind_after_seconds', 'enabled']) as name
    union all select 'deliveries', name from unnest(array['state', 'attempts', 'next_attempt_at', 'leased_until',
      'last_answer', 'delivered_at']) as name
    union all select 'history_settings', name
      from unnest(array['days', 'folded_until', 'folding_until', 'folded_agent']) as name$$,
  'the service role updates these columns alone, and no event'
);
select public.add_history_days('2026-11-01', '2026-11-02');
select is_empty(
  $$select role, c.relname from pg_class as c, unnest(array['anon', 'authenticated', 'service_role']) as role
    where c.relnamespace = 'openclaw_history'::regnamespace and (
      not c.relrowsecurity and c.relkind = 'r' or has_any_column_privilege(role, c.oid, 'select, insert, update')
      or has_table_privilege(role, c.oid, 'delete, truncate') or has_schema_privilege(role, c.relnamespace, 'usage, create')
    )$$,
  'nobody reads or writes a partition of the history but through its table'
);
select is_empty(
  $$select grantee, table_name, column_name, privilege_type from information_schema.column_privileges
    where table_schema = 'public' and privilege_type <> 'SELECT'
      and grantee not in (current_user, 'service_role')$$,
  'nobody else writes or references any column'
);
select is_empty(
  $$select grantee, table_name from information_schema.column_privileges
    where table_schema = 'public' and grantee in ('PUBLIC', 'anon')$$,
  'anon and the public read no column'
);
select is_empty(
  $$select role, relname, act from our_relations, unnest(array['anon', 'authenticated', 'service_role']) as role,
      unnest(array['delete', 'truncate', 'trigger']) as act
    where has_table_privilege(role, oid, act) and not (role = 'service_role' and act = 'delete'
      and relname in ('agents', 'agent_instances', 'agent_turns', 'reader_keys', 'enrollments', 'server_gaps', 'incidents',
        'agent_troubles', 'channels', 'deliveries', 'history_beats', 'history_hours', 'history_minutes', 'agent_gaps'))$$,
  'nobody empties or adds triggers, and nobody deletes, but the service role from these'
);
select is_empty(
  $$select role from unnest(array['anon', 'authenticated', 'service_role']) as role
    where has_any_column_privilege(role, 'public.agent_events', 'update')$$,
  'nobody changes an event, not even the service role'
);
select is_empty(
  $$select c.relname, role from pg_class as c, unnest(array['anon', 'authenticated', 'service_role']) as role
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'S'
      and has_sequence_privilege(role, c.oid, 'usage, select, update')$$,
  'nobody moves a sequence'
);
select is_empty(
  $$select role from unnest(array['anon', 'authenticated']) as role
    where pg_has_role(role, 'service_role', 'member')$$,
  'anon and authenticated are no members of the service role'
);

-- Policies
select set_eq(
  $$select tablename::text, policyname::text, roles::text, cmd, permissive from pg_policies
    where schemaname = 'public'$$,
  $$values
    ('agents', 'owners read their own agents', '{authenticated}', 'SELECT', 'PERMISSIVE'),
    ('agents', 'the service role sees every agent', '{service_role}', 'SELECT', 'PERMISSIVE'),
    ('agents', 'the service role creates agents', '{service_role}', 'INSERT', 'PERMISSIVE'),
    ('agents', 'the service role records what agents do', '{service_role}', 'UPDATE', 'PERMISSIVE'),
    ('agents', 'the service role deletes agents', '{service_role}', 'DELETE', 'PERMISSIVE'),
    ('agent_beats', 'owners read what their own agents'' beats said', '{authenticated}', 'SELECT', 'PERMISSIVE'),
    ('agent_beats', 'the service role sees what every agent''s beats said', '{service_role}', 'SELECT', 'PERMISSIVE'),
    ('agent_beats', 'the service role adds a row with each agent', '{service_role}', 'INSERT', 'PERMISSIVE'),
    ('agent_beats', 'the service role records beats, and what they are to read', '{service_role}', 'UPDATE', 'PERMISSIVE'),
    ('agent_events', 'owners read their own events', '{authenticated}', 'SELECT', 'PERMISSIVE'),
    ('agent_events', 'the service role sees every event', '{service_role}', 'SELECT', 'PERMISSIVE'),
    ('agent_events', 'the service role adds events', '{service_role}', 'INSERT', 'PERMISSIVE'),
    ('agent_instances', 'the service role sees every instance', '{service_role}', 'SELECT', 'PERMISSIVE'),
    ('agent_instances', 'the service role adds instances', '{service_role}', 'INSERT', 'PERMISSIVE'),
    ('agent_instances', 'the service role notes what instances do', '{service_role}', 'UPDATE', 'PERMISSIVE'),
    ('agent_instances', 'the service role forgets instances', '{service_role}', 'DELETE', 'PERMISSIVE'),
    ('agent_turns', 'the service role sees every turn', '{service_role}', 'SELECT', 'PERMISSIVE'),
    ('agent_turns', 'the service role adds turns', '{service_role}', 'INSERT', 'PERMISSIVE'),
    ('agent_turns', 'the service role forgets turns', '{service_role}', 'DELETE', 'PERMISSIVE'),
    ('reader_keys', 'the service role sees every reader''s key', '{service_role}', 'SELECT', 'PERMISSIVE'),
    ('reader_keys', 'the service role makes readers'' keys', '{service_role}', 'INSERT', 'PERMISSIVE'),
    ('reader_keys', 'the service role revokes readers'' keys', '{service_role}', 'DELETE', 'PERMISSIVE'),
    ('enrollments', 'the service role sees every enrollment', '{service_role}', 'SELECT', 'PERMISSIVE'),
    ('enrollments', 'the service role makes enrollments', '{service_role}', 'INSERT', 'PERMISSIVE'),
    ('enrollments', 'the service role uses and revokes enrollments', '{service_role}', 'UPDATE', 'PERMISSIVE'),
    ('enrollments', 'the service role removes old enrollments', '{service_role}', 'DELETE', 'PERMISSIVE'),
    ('enrollment_hosts', 'the service role sees every host', '{service_role}', 'SELECT', 'PERMISSIVE'),
    ('enrollment_hosts', 'the service role adds hosts', '{service_role}', 'INSERT', 'PERMISSIVE'),
    ('enrollment_hosts', 'the service role records how far hosts came', '{service_role}', 'UPDATE', 'PERMISSIVE'),
    ('ticks', 'the service role sees the last tick', '{service_role}', 'SELECT', 'PERMISSIVE'),
    ('ticks', 'the service role notes the first tick', '{service_role}', 'INSERT', 'PERMISSIVE'),
    ('ticks', 'the service role notes each tick', '{service_role}', 'UPDATE', 'PERMISSIVE'),
    ('server_gaps', 'users read when the server was away', '{authenticated}', 'SELECT', 'PERMISSIVE'),
    ('server_gaps', 'the service role sees every gap', '{service_role}', 'SELECT', 'PERMISSIVE'),
    ('server_gaps', 'the service role notes gaps', '{service_role}', 'INSERT', 'PERMISSIVE'),
    ('server_gaps', 'the service role shortens gaps that a later one covers', '{service_role}', 'UPDATE', 'PERMISSIVE'),
    ('server_gaps', 'the service role forgets gaps', '{service_role}', 'DELETE', 'PERMISSIVE'),
    ('incidents', 'owners read their own incidents', '{authenticated}', 'SELECT', 'PERMISSIVE'),
    ('incidents', 'the service role sees every incident', '{service_role}', 'SELECT', 'PERMISSIVE'),
    ('incidents', 'the service role opens incidents', '{service_role}', 'INSERT', 'PERMISSIVE'),
    ('incidents', 'the service role notes what becomes of incidents', '{service_role}', 'UPDATE', 'PERMISSIVE'),
    ('incidents', 'the service role removes old incidents', '{service_role}', 'DELETE', 'PERMISSIVE'),
    ('incident_agents', 'owners read which agents their own incidents are about', '{authenticated}', 'SELECT', 'PERMISSIVE'),
    ('incident_agents', 'the service role sees the agents of every incident', '{service_role}', 'SELECT', 'PERMISSIVE'),
    ('incident_agents', 'the service role adds agents to incidents', '{service_role}', 'INSERT', 'PERMISSIVE'),
    ('incident_agents', 'the service role notes which agents are so', '{service_role}', 'UPDATE', 'PERMISSIVE'),
    ('agent_troubles', 'the service role sees what is noted of agents', '{service_role}', 'SELECT', 'PERMISSIVE'),
    ('agent_troubles', 'the service role notes that agents are not well', '{service_role}', 'INSERT', 'PERMISSIVE'),
    ('agent_troubles', 'the service role notes what becomes of agents that are not well', '{service_role}', 'UPDATE', 'PERMISSIVE'),
    ('agent_troubles', 'the service role forgets what agents were', '{service_role}', 'DELETE', 'PERMISSIVE'),
    ('channels', 'owners read their own channels', '{authenticated}', 'SELECT', 'PERMISSIVE'),
    ('channels', 'the service role sees every channel', '{service_role}', 'SELECT', 'PERMISSIVE'),
    ('channels', 'the service role makes channels', '{service_role}', 'INSERT', 'PERMISSIVE'),
    ('channels', 'the service role edits channels', '{service_role}', 'UPDATE', 'PERMISSIVE'),
    ('channels', 'the service role removes channels', '{service_role}', 'DELETE', 'PERMISSIVE'),
    ('deliveries', 'owners read what their own channels are told', '{authenticated}', 'SELECT', 'PERMISSIVE'),
    ('deliveries', 'the service role sees every delivery', '{service_role}', 'SELECT', 'PERMISSIVE'),
    ('deliveries', 'the service role fills the outbox', '{service_role}', 'INSERT', 'PERMISSIVE'),
    ('deliveries', 'the service role notes what became of deliveries', '{service_role}', 'UPDATE', 'PERMISSIVE'),
    ('deliveries', 'the service role removes old deliveries', '{service_role}', 'DELETE', 'PERMISSIVE'),
    ('history_settings', 'the service role sees how long history is kept', '{service_role}', 'SELECT', 'PERMISSIVE'),
    ('history_settings', 'the service role notes how long history is kept', '{service_role}', 'UPDATE', 'PERMISSIVE'),
    ('history_beats', 'the service role sees the beats of this hour', '{service_role}', 'SELECT', 'PERMISSIVE'),
    ('history_beats', 'the service role adds beats to the history', '{service_role}', 'INSERT', 'PERMISSIVE'),
    ('history_beats', 'the service role removes beats that were folded', '{service_role}', 'DELETE', 'PERMISSIVE'),
    ('history_hours', 'the service role sees the history', '{service_role}', 'SELECT', 'PERMISSIVE'),
    ('history_hours', 'the service role adds hours to the history', '{service_role}', 'INSERT', 'PERMISSIVE'),
    ('history_hours', 'the service role removes the history of an agent', '{service_role}', 'DELETE', 'PERMISSIVE'),
    ('history_minutes', 'the service role sees the minutes of the history', '{service_role}', 'SELECT', 'PERMISSIVE'),
    ('history_minutes', 'the service role adds minutes to the history', '{service_role}', 'INSERT', 'PERMISSIVE'),
    ('history_minutes', 'the service role removes the minutes of an agent', '{service_role}', 'DELETE', 'PERMISSIVE'),
    ('agent_gaps', 'the service role sees the gaps of agents', '{service_role}', 'SELECT', 'PERMISSIVE'),
    ('agent_gaps', 'the service role notes the gaps of agents', '{service_role}', 'INSERT', 'PERMISSIVE'),
    ('agent_gaps', 'the service role forgets old gaps of agents', '{service_role}', 'DELETE', 'PERMISSIVE')$$,
  'there are these policies, and no others'
);

-- What comes after us
create table public.made_later (id integer generated by default as identity);
select is_empty(
  $$select role from unnest(array['anon', 'authenticated', 'service_role']) as role
    where has_table_privilege(role, 'public.made_later', 'select, insert, update, delete')
      or has_sequence_privilege(role, 'public.made_later_id_seq', 'usage, select, update')$$,
  'a table that is made later is granted to nobody by default'
);

select finish();
rollback;
