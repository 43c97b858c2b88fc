-- Writes a call that a client makes by itself, once per request id, with a lease where it starts now, and
-- publishes the facts of it.
-- Locks: none of its own, lock_tenants comes first.
-- Returns the digest of the request id's first content, and the row of the invocation that belongs to it; no
-- row where the request id is not known and the reservation is settled: it was another call's.
create or replace function begin_invocation(
    p_locked uuid[], p_tenant uuid, p_request text, p_request_digest bytea, p_lease interval,
    p_invocation uuid, p_round integer, p_call text, p_tool text, p_arguments text, p_digest bytea,
    p_effect boolean, p_state smallint, p_permit text, p_result text, p_reason text, p_requested_by text,
    p_expires_at timestamptz, p_created_at timestamptz, p_slug text, p_session uuid, p_reservation uuid,
    p_capsule uuid, p_key uuid,
    p_events uuid[], p_keys uuid[], p_types text[], p_traces text[], p_times bigint[], p_payloads bytea[])
    returns table (content bytea, invocation invocations)
language plpgsql as $$
declare
    v_now     timestamptz := clock_timestamp();
    v_content bytea;
    v_known   uuid;
begin
    select k.digest, k.invocation_id into v_content, v_known
      from invocation_requests k
     where k.tenant_id = p_tenant and k.request_id = p_request;
    if v_known is null then
        if exists (select from reservations r
                    where r.tenant_id = p_tenant and r.reservation_id = p_reservation and r.state = 2) then
            return;
        end if;
        v_content := p_request_digest;
        v_known := p_invocation;
        insert into invocation_requests (tenant_id, request_id, digest, invocation_id, created_at)
        values (p_tenant, p_request, p_request_digest, p_invocation, v_now);
        insert into invocations (tenant_id, invocation_id, round, call_id, tool, arguments, digest, effect,
                                 state, permit, result, reason, requested_by, expires_at, created_at,
                                 lease_until, tenant, session_id, reservation_id, capsule_version_id,
                                 key_id)
        values (p_tenant, p_invocation, p_round, p_call, p_tool, p_arguments, p_digest, p_effect, p_state,
                p_permit, p_result, p_reason, p_requested_by, p_expires_at, coalesce(p_created_at, v_now),
                case when p_state = 3 then v_now + p_lease end, p_slug, p_session, p_reservation,
                p_capsule, p_key);
        perform publish_facts(p_tenant, p_events, p_keys, p_types, p_traces, p_times, p_payloads);
    end if;
    return query
    select v_content, i from invocations i where i.tenant_id = p_tenant and i.invocation_id = v_known;
end $$;
