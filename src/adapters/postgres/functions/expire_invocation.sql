-- Writes that nobody decided about a call by itself in time, and publishes it: whether this call did so.
-- Locks: none of its own, lock_tenants comes first: of an approval and this one sees the other.
create or replace function expire_invocation(
    p_locked uuid[], p_tenant uuid, p_invocation uuid,
    p_events uuid[], p_keys uuid[], p_types text[], p_traces text[], p_times bigint[], p_payloads bytea[],
    out expired boolean)
language plpgsql as $$
begin
    update invocations i set state = 9, finished_at = clock_timestamp()
     where i.tenant_id = p_tenant and i.invocation_id = p_invocation and i.turn_id is null
       and i.state = 1 and i.expires_at <= clock_timestamp();
    expired := found;
    if expired then
        perform publish_facts(p_tenant, p_events, p_keys, p_types, p_traces, p_times, p_payloads);
    end if;
end $$;
