-- Denies a call by itself that was approved and may not start any more, for p_reason, and publishes the fact of
-- it. One that was started, or has ended, stays as it is.
-- Locks: none of its own, lock_tenants comes first. A start locks the invocation's row alone, and one of the
-- two finds it changed.
-- Returns the invocation's row as it is after this call; no row where there is no such call by itself.
create or replace function deny_invocation(
    p_locked uuid[], p_tenant uuid, p_invocation uuid, p_reason text,
    p_events uuid[], p_keys uuid[], p_types text[], p_traces text[], p_times bigint[], p_payloads bytea[])
    returns setof invocations
language plpgsql as $$
begin
    update invocations i
       set state = 7, reason = p_reason, finished_at = clock_timestamp()
     where i.tenant_id = p_tenant and i.invocation_id = p_invocation and i.turn_id is null and i.state = 2;
    if found then
        perform publish_facts(p_tenant, p_events, p_keys, p_types, p_traces, p_times, p_payloads);
    end if;
    return query
    select i.* from invocations i
     where i.tenant_id = p_tenant and i.invocation_id = p_invocation and i.turn_id is null;
end $$;
