-- A long past of one tenant (named by app.tenant), and one row of another (app.other) where each has its turn.
create temp table made as
select n, uuidv7(-at) as turn, uuidv7(-at) as record, uuidv7(-at) as session, at
  from (select n, interval '2 days' + n * interval '1 minute' as at from generate_series(1, 4000) n) s;

insert into tenants (tenant_id, record_position, period)
values (current_setting('app.tenant')::uuid, 4000, now()), (current_setting('app.other')::uuid, 0, now());

insert into sessions (tenant_id, session_id, capsule, subject, busy, max_waiting, created_at, event_sequence)
select current_setting('app.tenant')::uuid, session, 'demo', 'ada', 1, 8, now() - at, 1 from made;

-- 2,000 have ended; of the others, which are paused, 1,500 wait no longer, and 500 an hour more.
insert into turns (tenant_id, turn_id, session_id, capsule_version_id, state, owner_id, fence, sequence_ceiling,
                   round, settlements, hold_period, hold_accounts, hold_metrics, hold_amounts, question_id,
                   terms, accepted_at, deadline_at, record_id, waits_until)
select case n when 4000 then current_setting('app.other')::uuid else current_setting('app.tenant')::uuid end,
       turn, session, turn, case when n <= 2000 then 4 else 3 end, turn, 1, 1, 1, 1, now(), '{}', '{}', '{}',
       turn, '', now() - at, now() - at, record,
       case when n % 4 = 1 then now() + interval '1 hour' else now() - at end
  from made;

insert into records (tenant_id, record_id, turn_id, position, body, seal, created_at)
select current_setting('app.tenant')::uuid, record, turn, 4001 - n, '', '', now() - at from made;

insert into outbox (tenant_id, event_id, key_id, sequence, type, payload, occurred_at, created_at, published_at)
select current_setting('app.tenant')::uuid, uuidv7(-at), session, 1, 'turn.completed', '', now() - at, now() - at,
       now() - at
  from made;

-- 2,000 have succeeded; of the others, which wait, 500 may still be decided.
insert into invocations (tenant_id, invocation_id, turn_id, round, call_id, tool, arguments, digest, effect, state,
                         permit, result, reason, requested_by, created_at, expires_at)
select case n when 4000 then current_setting('app.other')::uuid else current_setting('app.tenant')::uuid end,
       uuidv7(-at), case when n <= 2000 then turn end, 1, 'c', 'tool', '{}', '', true,
       case when n <= 2000 then 4 else 1 end, '', '', '', 'ada', now() - at,
       case when n % 4 = 1 then now() + interval '1 hour' else now() - at end
  from made;

insert into dead_letters (tenant_id, letter_id, source, origin, topic, key, type, header_names, header_values,
                          payload, payload_bytes, reason, cause, attempted_at, attempt_errors, state, created_at)
select current_setting('app.tenant')::uuid, uuidv7(-at), 'relay', n::text, 'audit.events', session::text::bytea,
       'turn.completed', '{}', '{}', '', 0, 'EVENT_FAILED', '', '{}', '{}', 2, now() - at
  from made;

insert into findings (kind, tenant_id, reference, detail, repaired, found_at, seen_at)
select 'turn_unrecorded', current_setting('app.tenant')::uuid, n::text, '', true, now(), now() from made;

analyze;
