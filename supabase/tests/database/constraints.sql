-- Every rule of the contract has a constraint, and every constraint a value that breaks it, and it alone.
begin;
select no_plan();

insert into public.agents (id, name) values ('a1000000-0000-4000-8000-000000000001', 'an agent');
insert into public.agent_events (agent_id, kind, actor)
  values ('a1000000-0000-4000-8000-000000000001', 'created', 'key:default');
insert into public.agent_instances (agent_id, instance_id)
  values ('a1000000-0000-4000-8000-000000000001', 'e1000000-0000-4000-8000-00000000000e');

insert into public.reader_keys (name, key_digest) values ('a key', 'sha256:' || repeat('0f', 32));
insert into public.enrollments (
    id, code_digest, name, labels, heartbeat_interval_seconds, uses, expires_at
  )
  values (
    'e1000000-0000-4000-8000-000000000005', 'sha256:' || repeat('0f', 32), '{hostname}', '{}', 60, 10,
    now() + interval '1 hour'
  );
insert into public.enrollment_hosts (enrollment_id, host_digest)
  values ('e1000000-0000-4000-8000-000000000005', 'sha256:' || repeat('0f', 32));

insert into public.ticks (ticked_at, every_seconds) values (now(), 5);
insert into public.server_gaps (began_at, ended_at, excused_until) values (now(), now(), now());
insert into public.agent_gaps (agent_id, began_at, ended_at, reason)
  values ('a1000000-0000-4000-8000-000000000001', now() - interval '1 hour', now(), 'host');
insert into public.incidents (id, kind, opened_at, joined_at)
  values ('d1000000-0000-4000-8000-00000000000d', 'offline', now(), now());
insert into public.agent_troubles (agent_id, kind, noted_at) values ('a1000000-0000-4000-8000-000000000001', 'late', now());
insert into public.channels (id, name, kind, settings) values ('c1000000-0000-4000-8000-00000000000c', 'a channel', 'slack', '{}');
insert into public.deliveries (channel_id, incident_id, type, incident, next_attempt_at, created_at)
  values ('c1000000-0000-4000-8000-00000000000c', 'd1000000-0000-4000-8000-00000000000d', 'opened', '{}', now(), now());

create temporary table bad (rule text, relation text, change text);
insert into bad
  select 'name_is_1_to_100_characters_without_controls', 'agents', format('name = %s', value)
  from unnest(array[
    $$''$$, $$repeat('x', 101)$$, $$e'a\u0001b'$$, $$e'a\tb'$$, $$e'a\nb'$$, $$e'a\u007fb'$$, $$e'a\u0085b'$$,
    $$e'\u009f'$$, $$e'ends with a newline\n'$$,
    $$e'a\u2028b'$$, $$e'a\u2029b'$$, $$e'a\u202eb'$$, $$e'a\u061c'$$
  ]) as value
  union all
  select 'labels_are_at_most_32_strings', 'agents', format('labels = %s', value)
  from unnest(array[
    $$'[]'$$, $$'null'$$, $$'"text"'$$, $$'{"a": 1}'$$, $$'{"a": null}'$$, $$'{"a": {}}'$$, $$'{"": "x"}'$$,
    $$'{"A": "x"}'$$, $$'{"a b": "x"}'$$, $$'{"a\n": "x"}'$$, $$'{"a": "x\n"}'$$, $$'{"a": "\u007f"}'$$,
    $$jsonb_build_object(repeat('k', 64), 'x')$$, $$jsonb_build_object('k', repeat('x', 256))$$,
    $$(select jsonb_object_agg('k' || n, 'x') from generate_series(1, 33) as n)$$
  ]) as value
  union all
  select 'metrics_are_numbers_of_at_most_4_kib', 'agent_beats', format('metrics = %s', value)
  from unnest(array[
    $$'[]'$$, $$'null'$$, $$'1'$$, $$'{"a": "1"}'$$, $$'{"a": null}'$$, $$'{"a": true}'$$, $$'{"a": 1, "b": {}}'$$,
    $$(select jsonb_object_agg(repeat('k', 60) || n, 1) from generate_series(1, 60) as n)$$
  ]) as value
  union all
  select 'heartbeat_interval_is_5_seconds_to_a_day', 'agents', 'heartbeat_interval_seconds = ' || value
  from unnest(array['4', '0', '-60', '86401']) as value
  union all
  select 'client_text_is_1_to_255_characters_without_controls', 'agents', format('%s = %s', field, value)
  from unnest(array['version', 'hostname', 'os', 'arch']) as field,
    unnest(array[$$''$$, $$repeat('x', 256)$$, $$e'a\nb'$$, $$e'\u0001'$$, $$e'\u007f'$$, $$e'\u0080'$$]) as value
  union all values
  ('an_agent_that_was_seen_has_beaten', 'agent_beats', 'last_seen_at = now()'),
  ('an_agent_that_was_seen_has_beaten', 'agent_beats', 'heartbeats_count = 1'),
  ('an_agent_that_was_seen_has_beaten', 'agent_beats', $$status = 'healthy'$$),
  ('an_agent_that_was_seen_has_beaten', 'agent_beats', 'last_seen_at = now(), heartbeats_count = 1'),
  ('an_agent_that_was_seen_has_beaten', 'agent_beats',
    $$last_seen_at = now(), status = 'healthy', heartbeats_count = -1$$),
  ('status_is_one_of_four', 'agent_beats', $$last_seen_at = now(), heartbeats_count = 1, status = 'fine'$$),
  ('status_is_one_of_four', 'agent_beats', $$last_seen_at = now(), heartbeats_count = 1, status = 'Healthy'$$),
  ('status_is_one_of_four', 'agent_beats', $$last_seen_at = now(), heartbeats_count = 1, status = ''$$),
  ('message_is_at_most_500_characters_and_newlines', 'agent_beats', $$message = repeat('x', 501)$$),
  ('message_is_at_most_500_characters_and_newlines', 'agent_beats', $$message = e'a\tb'$$),
  ('message_is_at_most_500_characters_and_newlines', 'agent_beats', $$message = e'a\rb'$$),
  ('message_is_at_most_500_characters_and_newlines', 'agent_beats', $$message = e'\u001b[31m'$$),
  ('message_is_at_most_500_characters_and_newlines', 'agent_beats', $$message = e'\u009b31m'$$),
  ('last_seq_is_a_whole_number_that_json_can_carry', 'agent_beats', 'last_seq = -1'),
  ('last_seq_is_a_whole_number_that_json_can_carry', 'agent_beats', 'last_seq = 9007199254740992'),
  ('progress_is_a_whole_number_that_json_can_carry', 'agent_beats', 'progress = -9007199254740992'),
  ('progress_is_a_whole_number_that_json_can_carry', 'agent_beats', 'progress = 9007199254740992'),
  ('secret_is_a_sha256_digest', 'agents', $$agent_secret = ''$$),
  ('secret_is_a_sha256_digest', 'agents', $$agent_secret = repeat('a', 64)$$),
  ('secret_is_a_sha256_digest', 'agents', $$agent_secret = 'sha256:' || repeat('a', 63)$$),
  ('secret_is_a_sha256_digest', 'agents', $$agent_secret = 'sha256:' || repeat('a', 65)$$),
  ('secret_is_a_sha256_digest', 'agents', $$agent_secret = 'sha256:' || repeat('A', 64)$$),
  ('secret_is_a_sha256_digest', 'agents', $$agent_secret = 'sha256:' || repeat('a', 64) || e'\n'$$),
  ('secret_is_a_sha256_digest', 'agents',
    $$agent_secret = 'ocs_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8_OS0B5A'$$),
  ('secret_is_a_sha256_digest', 'agents', 'previous_secret = ''x'', previous_secret_expires_at = now()'),
  ('secret_is_a_sha256_digest', 'agents', 'pending_secret = ''x'', pending_secret_created_at = now()'),
  ('a_secret_has_its_time', 'agents', 'secret_created_at = now()'),
  ('a_secret_has_its_time', 'agents', 'previous_secret_expires_at = now()'),
  ('a_secret_has_its_time', 'agents', 'pending_secret_created_at = now()'),
  ('a_secret_has_its_time', 'agents', $$previous_secret = 'sha256:' || repeat('0f', 32)$$),
  ('a_secret_has_its_time', 'agents', $$pending_secret = 'sha256:' || repeat('0f', 32)$$),
  ('last_secret_is_current_or_previous', 'agents', 'last_secret = ''pending'''),
  ('last_refusal_is_one_we_know', 'agents', 'last_refusal = ''mood'''),
  ('progress_deadline_is_10_seconds_to_a_week', 'agents', 'progress_deadline_seconds = 9'),
  ('progress_deadline_is_10_seconds_to_a_week', 'agents', 'progress_deadline_seconds = 604801'),
  ('supports_is_at_most_16_words', 'agents', $$supports = array['Rotate']$$),
  ('supports_is_at_most_16_words', 'agents', $$supports = array['']$$),
  ('supports_is_at_most_16_words', 'agents', $$supports = array['a b']$$),
  ('supports_is_at_most_16_words', 'agents', $$supports = array[repeat('a', 33)]$$),
  ('supports_is_at_most_16_words', 'agents', $$supports = array_fill('a'::text, array[17])$$),
  ('supports_is_at_most_16_words', 'agents', 'supports = array[null]::text[]'),
  ('address_is_at_most_64_characters', 'agent_events', 'address = '''''),
  ('address_is_at_most_64_characters', 'agent_events', 'address = repeat(''x'', 65)'),
  ('a_secret_has_its_time', 'agents', 'previous_secret_created_at = now()'),
  ('instances_are_at_most_eight', 'agent_beats', 'copies = array_fill(agent_id, array[9])'),
  ('instances_are_at_most_eight', 'agent_beats', 'adopting_instances = array_fill(agent_id, array[9])'),
  ('instances_are_at_most_eight', 'agent_beats', 'revoked_instances = array_fill(agent_id, array[9])'),
  ('instance_address_is_at_most_64_characters', 'agent_instances', 'address = '''''),
  ('instance_address_is_at_most_64_characters', 'agent_instances', 'address = repeat(''x'', 65)'),
  ('session_epoch_is_positive', 'agent_beats', 'session_epoch = 0'),
  ('session_epoch_is_positive', 'agent_beats', 'session_epoch = -1'),
  ('an_agent_with_handshakes_has_a_last_one', 'agents', 'handshakes_count = 1'),
  ('an_agent_with_handshakes_has_a_last_one', 'agents', 'last_handshake_at = now()'),
  ('an_agent_with_handshakes_has_a_last_one', 'agents', 'last_handshake_at = now(), handshakes_count = -1'),
  ('an_agent_with_refusals_has_a_last_one', 'agents', 'refused_handshakes_count = 1'),
  ('an_agent_with_refusals_has_a_last_one', 'agents', 'last_refused_at = now()'),
  ('an_agent_with_refusals_has_a_last_one', 'agents', 'last_refused_at = now(), refused_handshakes_count = -1'),
  ('kind_is_one_we_record', 'agent_events', $$kind = 'heartbeat'$$),
  ('kind_is_one_we_record', 'agent_events', $$kind = ''$$),
  ('actor_is_one_we_know', 'agent_events', $$actor = ''$$),
  ('actor_is_one_we_know', 'agent_events', $$actor = 'somebody'$$),
  ('actor_is_one_we_know', 'agent_events', $$actor = 'agent:x'$$),
  ('actor_is_one_we_know', 'agent_events', $$actor = 'server:x'$$),
  ('actor_is_one_we_know', 'agent_events', $$actor = 'user:me'$$),
  ('actor_is_one_we_know', 'agent_events', $$actor = 'key:'$$),
  ('actor_is_one_we_know', 'agent_events', $$actor = 'key:' || repeat('x', 256)$$),
  ('detail_is_an_object', 'agent_events', $$detail = '[]'$$),
  ('detail_is_an_object', 'agent_events', $$detail = 'null'$$),
  ('actor_is_one_we_know', 'agent_events', $$actor = 'enrollment:'$$),
  ('actor_is_one_we_know', 'agent_events', $$actor = 'enrollment:oce_x'$$),
  ('detail_is_an_object', 'agent_events', $$detail = '"text"'$$),
  ('name_is_1_to_100_characters_without_controls', 'reader_keys', $$name = ''$$),
  ('name_is_1_to_100_characters_without_controls', 'reader_keys', $$name = repeat('x', 101)$$),
  ('name_is_1_to_100_characters_without_controls', 'reader_keys', $$name = e'a\nb'$$),
  ('secret_is_a_sha256_digest', 'reader_keys', $$key_digest = repeat('a', 64)$$),
  ('secret_is_a_sha256_digest', 'reader_keys',
    $$key_digest = 'ocr_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8_GNiFIw'$$),
  ('secret_is_a_sha256_digest', 'enrollments', $$code_digest = ''$$),
  ('secret_is_a_sha256_digest', 'enrollments',
    $$code_digest = 'oce_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8_TJTH1w'$$),
  ('name_is_1_to_100_characters_without_controls', 'enrollments', $$name = ''$$),
  ('name_is_1_to_100_characters_without_controls', 'enrollments', $$name = repeat('x', 101)$$),
  ('name_is_1_to_100_characters_without_controls', 'enrollments', $$name = e'a\u009fb'$$),
  ('labels_are_at_most_32_strings', 'enrollments', $$labels = '[]'$$),
  ('heartbeat_interval_is_5_seconds_to_a_day', 'enrollments', 'heartbeat_interval_seconds = 4'),
  ('heartbeat_interval_is_5_seconds_to_a_day', 'enrollments', 'heartbeat_interval_seconds = 86401'),
  ('progress_deadline_is_10_seconds_to_a_week', 'enrollments', 'progress_deadline_seconds = 9'),
  ('progress_deadline_is_10_seconds_to_a_week', 'enrollments', 'progress_deadline_seconds = 604801'),
  ('there_is_one_row', 'ticks', 'is_the_only_one = false'),
  ('tick_comes_each_5_seconds_to_an_hour', 'ticks', 'every_seconds = 4'),
  ('tick_comes_each_5_seconds_to_an_hour', 'ticks', 'every_seconds = 3601'),
  ('gap_ends_after_its_beginning', 'server_gaps', $$ended_at = began_at - interval '1 second'$$),
  ('gap_ends_after_its_beginning', 'server_gaps', $$ended_at = began_at + interval '1 second'$$),
  ('gap_ends_after_its_beginning', 'agent_gaps', 'ended_at = began_at'),
  ('gap_reason_is_one_we_know', 'agent_gaps', $$reason = 'weather'$$),
  ('there_is_one_row', 'history_settings', 'is_the_only_one = false'),
  ('history_is_kept_0_to_3650_days', 'history_settings', 'days = -1'),
  ('history_is_kept_0_to_3650_days', 'history_settings', 'days = 3651'),
  ('incident_kind_is_one_we_know', 'incidents', $$kind = 'late'$$),
  ('incident_that_is_closed_is_quiet', 'incidents', 'closed_at = now()'),
  ('incident_acknowledgement_has_a_time_and_a_name', 'incidents', 'acknowledged_at = now()'),
  ('incident_acknowledgement_has_a_time_and_a_name', 'incidents', $$acknowledged_by = 'server'$$),
  ('trouble_is_one_we_know', 'agent_troubles', $$kind = 'online'$$),
  ('name_is_1_to_100_characters_without_controls', 'channels', $$name = ''$$),
  ('name_is_1_to_100_characters_without_controls', 'channels', $$name = repeat('x', 101)$$),
  ('name_is_1_to_100_characters_without_controls', 'channels', $$name = e'a\nb'$$),
  ('channel_kind_is_one_we_know', 'channels', $$kind = 'pigeon'$$),
  ('channel_settings_are_an_object_of_at_most_8_kib', 'channels', $$settings = '[]'$$),
  ('channel_settings_are_an_object_of_at_most_8_kib', 'channels',
    $$settings = (select jsonb_object_agg(n, md5(n::text)) from generate_series(1, 300) as n)$$),
  ('labels_are_at_most_32_strings', 'channels', $$labels = '[]'$$),
  ('channel_kinds_are_kinds_of_incidents', 'channels', $$kinds = '{}'$$),
  ('channel_kinds_are_kinds_of_incidents', 'channels', $$kinds = '{late}'$$),
  ('channel_waits_at_most_a_day', 'channels', 'after_seconds = -1'),
  ('channel_waits_at_most_a_day', 'channels', 'after_seconds = 86401'),
  ('channel_reminds_after_5_minutes_to_a_week', 'channels', 'remind_after_seconds = 299'),
  ('channel_reminds_after_5_minutes_to_a_week', 'channels', 'remind_after_seconds = 604801'),
  ('delivery_type_is_one_we_know', 'deliveries', $$type = 'test'$$),
  ('delivery_state_is_one_we_know', 'deliveries', $$state = 'lost'$$),
  ('delivery_that_was_taken_has_a_time', 'deliveries', $$state = 'delivered'$$),
  ('delivery_that_was_taken_has_a_time', 'deliveries', 'delivered_at = now()'),
  ('delivery_answer_is_at_most_500_characters', 'deliveries', $$last_answer = repeat('x', 501)$$),
  ('enrollment_has_1_to_10000_uses', 'enrollments', 'uses = 0'),
  ('enrollment_has_1_to_10000_uses', 'enrollments', 'uses = 10001'),
  ('enrollment_is_used_at_most_as_often_as_it_may_be', 'enrollments', 'used = 11'),
  ('enrollment_is_used_at_most_as_often_as_it_may_be', 'enrollments', 'used = -1'),
  ('enrollment_expires_within_30_days', 'enrollments', 'expires_at = created_at'),
  ('enrollment_expires_within_30_days', 'enrollments', $$expires_at = created_at + interval '30 days 1 second'$$),
  ('secret_is_a_sha256_digest', 'enrollment_hosts', $$host_digest = repeat('A', 43)$$),
  ('client_text_is_1_to_255_characters_without_controls', 'enrollment_hosts', $$hostname = ''$$),
  ('client_text_is_1_to_255_characters_without_controls', 'enrollment_hosts',
    $$hostname = repeat('x', 256)$$),
  ('client_text_is_1_to_255_characters_without_controls', 'enrollment_hosts', $$hostname = e'a\tb'$$),
  ('enrollment_host_address_is_at_most_64_characters', 'enrollment_hosts', $$address = ''$$),
  ('enrollment_host_address_is_at_most_64_characters', 'enrollment_hosts', $$address = repeat('x', 65)$$),
  ('enrollment_step_is_a_word', 'enrollment_hosts', $$step = ''$$),
  ('enrollment_step_is_a_word', 'enrollment_hosts', $$step = 'Download'$$),
  ('enrollment_step_is_a_word', 'enrollment_hosts', $$step = repeat('a', 33)$$),
  ('enrollment_step_is_a_word', 'enrollment_hosts', $$step = e'a\n'$$),
  ('enrollment_detail_is_at_most_500_characters_without_controls', 'enrollment_hosts',
    $$detail = repeat('x', 501)$$),
  ('enrollment_detail_is_at_most_500_characters_without_controls', 'enrollment_hosts',
    $$detail = e'\u001b[31m'$$);

select throws_ok(
  format('update public.%s set %s', relation, change), '23514',
  case
    when domain is null then format('new row for relation "%s" violates check constraint "%s"', relation, rule)
    else format('value for domain %s violates check constraint "%s"', domain, rule)
  end,
  format('%s breaks %s', change, rule)
) from bad left join (
  select c.conname, t.typname from pg_constraint as c join pg_type as t on t.oid = c.contypid
) as of_a_domain (name, domain) on of_a_domain.name = bad.rule;
select set_eq(
  $$select conname::text from pg_constraint where contype = 'c' and connamespace = 'public'::regnamespace$$,
  'select rule from bad', 'every constraint is broken by a value above'
);

-- What is promised is permitted.
select lives_ok(format('update public.%s set %s', relation, change), format('%s is sound', change))
from (values
  ('agents', $$name = 'x'$$),
  ('agents', $$name = repeat(U&'\+01F600', 100)$$),
  ('agents', $$name = ' spaces, quotes '' " and \ '$$),
  ('agents', $$labels = '{}'$$),
  ('agents', $$labels = '{"a.b_c-9": "", "zone": "Zürich"}'$$),
  ('agents', $$labels = jsonb_build_object(repeat('k', 63), repeat('ü', 255))$$),
  ('agents', $$labels = (select jsonb_object_agg('k' || n, 'x') from generate_series(1, 32) as n)$$),
  ('agent_beats', $$metrics = '{"cpu_percent": 12.5, "a": -1e300, "b": 0}'$$),
  ('agent_beats', $$metrics = jsonb_build_object(repeat('k', 63), 1)$$),
  ('agent_beats', $$metrics = (select jsonb_object_agg(repeat('k', 61) || n, -1.7976931348623157e308) from generate_series(10, 41) as n)$$),
  ('agents', 'heartbeat_interval_seconds = 5'),
  ('agents', 'heartbeat_interval_seconds = 86400'),
  ('agents', $$version = repeat('x', 255), hostname = 'h', os = 'o', arch = null$$),
  ('agent_beats', $$last_seen_at = now(), heartbeats_count = 1, status = 'healthy'$$),
  ('agent_beats', $$status = 'degraded'$$),
  ('agent_beats', $$status = 'unhealthy'$$),
  ('agent_beats', $$status = 'stopping'$$),
  ('agent_beats', $$message = ''$$),
  ('agent_beats', $$message = e'two\nlines'$$),
  ('agent_beats', $$message = repeat('ü', 500)$$),
  ('agent_beats', 'last_seq = 0'),
  ('agent_beats', 'last_seq = 9007199254740991'),
  ('agent_beats', 'progress = -9007199254740991'),
  ('agent_beats', 'progress = 9007199254740991'),
  ('agents', $$agent_secret = 'sha256:' || repeat('0f', 32)$$),
  ('agents', 'agent_secret = null'),
  ('agent_beats', 'copies = array_fill(agent_id, array[8]), revoked_instances = array_fill(agent_id, array[8])'),
  ('agents', $$previous_secret = 'sha256:' || repeat('0f', 32), previous_secret_expires_at = '-infinity'$$),
  ('agent_events', $$kind = 'copy_seen', actor = 'server'$$),
  ('agent_events', $$kind = 'first_handshake', actor = 'agent'$$),
  ('agent_events', $$kind = 'revoked', actor = 'user:a0000000-0000-4000-8000-000000000001'$$),
  ('agent_events', $$actor = 'key:' || repeat('x', 255)$$),
  ('agent_events', $$actor = 'enrollment:e1000000-0000-4000-8000-000000000005'$$),
  ('reader_keys', $$name = repeat(U&'\+01F600', 100)$$),
  ('enrollments', 'uses = 10000, used = 10000, progress_deadline_seconds = 10'),
  ('enrollments', $$expires_at = created_at + interval '30 days'$$),
  ('channels', $$kinds = '{offline,stalled,unhealthy,copy,server}', after_seconds = 86400, remind_after_seconds = 300$$),
  ('channels', $$remind_after_seconds = 604800, labels = '{"site": "Linz"}', settings = jsonb_build_object('url', repeat('x', 2048))$$),
  ('deliveries', $$state = 'delivered', delivered_at = now(), last_answer = repeat('ü', 500)$$),
  ('enrollment_hosts', $$step = 'check_host', failed = true, detail = repeat('ü', 500), hostname = 'h'$$)
) as good (relation, change);

select throws_ok(
  $$insert into public.agents (name, owner_id) values ('x', 'f0000000-0000-4000-8000-00000000000f')$$,
  '23503', null, 'an owner who is nobody is refused'
);

select finish();
rollback;
