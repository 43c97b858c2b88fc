-- Writes that the time of a call by itself is over, and publishes it: whether this call did so. One in which
-- nobody decided expires; one that was approved and that nobody could start is denied, for p_reason.
-- Locks: none of its own, lock_tenants comes first: of an approval and this one sees the other. A start locks
-- the invocation's row alone, and one of the two finds it changed.
create or replace function expire_invocation(
    p_locked uuid[], p_tenant uuid, p_invocation uuid, p_state smallint, p_reason text,
    p_events uuid[], p_keys uuid[], p_types text[], p_traces text[], p_times bigint[], p_payloads bytea[],
    out expired boolean)
language plpgsql as $$
begin
    update invocations i
       set state = case i.state when 1 then 9 else 7 end,
           reason = case i.state when 1 then i.reason else p_reason end,
           finished_at = clock_timestamp()
     where i.tenant_id = p_tenant and i.invocation_id = p_invocation and i.turn_id is null
       and i.state = p_state and i.state in (1, 2) and i.expires_at <= clock_timestamp();
    expired := found;
    if expired then
        perform publish_facts(p_tenant, p_events, p_keys, p_types, p_traces, p_times, p_payloads);
    end if;
end $$;
