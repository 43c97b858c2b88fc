-- Writes how a call that is UNKNOWN had ended, as a person found out, and publishes the facts of it.
-- Locks: none of its own, lock_tenants comes first.
-- Returns the invocation's row as it is after this call, and whether this call changed it; no row where there
-- is no such invocation.
create or replace function resolve_invocation(
    p_locked uuid[], p_tenant uuid, p_invocation uuid, p_state smallint, p_result text, p_reason text,
    p_note text, p_by text, p_at timestamptz,
    p_events uuid[], p_keys uuid[], p_types text[], p_traces text[], p_times bigint[], p_payloads bytea[])
    returns table (changed boolean, invocation invocations)
language plpgsql as $$
declare
    v_changed boolean;
begin
    update invocations i
       set state = p_state, result = p_result, reason = p_reason, note = p_note, resolved_by = p_by,
           resolved_at = p_at
     where i.tenant_id = p_tenant and i.invocation_id = p_invocation and i.state = 6;
    v_changed := found;
    if v_changed then
        perform publish_facts(p_tenant, p_events, p_keys, p_types, p_traces, p_times, p_payloads);
    end if;
    return query
    select v_changed, i from invocations i
     where i.tenant_id = p_tenant and i.invocation_id = p_invocation;
end $$;
