-- Approves or rejects a call that waits; one whose time is over becomes EXPIRED instead.
-- What is made now is published with it: the last fact where the time is over, else those before it.
-- Locks: none of its own, lock_tenants comes first: of two last decisions one sees the other.
-- Returns the invocation's row as it is after this call, whether this call changed it, and whether its turn
-- is paused and waits for nothing more; no row where there is no such invocation.
create or replace function decide_invocation(
    p_locked uuid[], p_tenant uuid, p_invocation uuid, p_approved boolean, p_by text,
    p_events uuid[], p_keys uuid[], p_types text[], p_traces text[], p_times bigint[], p_payloads bytea[])
    returns table (changed boolean, may_resume boolean, invocation invocations)
language plpgsql as $$
declare
    v_now     timestamptz := clock_timestamp();
    v_changed boolean;
    v_expired boolean;
    v_first   integer;
    v_last    integer;
begin
    update invocations i
       set state = case when i.expires_at <= v_now then 9 when p_approved then 2 else 8 end,
           decided_by = case when i.expires_at <= v_now then '' else p_by end,
           decided_at = case when i.expires_at <= v_now then null else v_now end,
           finished_at = case when i.expires_at <= v_now then v_now end
     where i.tenant_id = p_tenant and i.invocation_id = p_invocation and i.state = 1
    returning i.state = 9 into v_expired;
    v_changed := found;
    if v_changed then
        update turns t set waits_until = waits_until(p_tenant, t.turn_id)
         where t.tenant_id = p_tenant and t.state = 3
           and t.turn_id = (select i.turn_id from invocations i
                             where i.tenant_id = p_tenant and i.invocation_id = p_invocation);
        v_first := case when v_expired then cardinality(p_events) else 1 end;
        v_last := case when v_expired then cardinality(p_events) else cardinality(p_events) - 1 end;
        perform publish_facts(p_tenant, p_events[v_first:v_last], p_keys[v_first:v_last],
                              p_types[v_first:v_last], p_traces[v_first:v_last], p_times[v_first:v_last],
                              p_payloads[v_first:v_last]);
    end if;
    return query
    select v_changed,
           exists (select from turns t
                    where t.tenant_id = p_tenant and t.turn_id = i.turn_id and t.state = 3)
           and not exists (select from invocations w
                            where w.tenant_id = p_tenant and w.turn_id = i.turn_id and (w.state = 1) is true
                              and (w.expires_at > v_now or w.expires_at is null)),
           i
      from invocations i
     where i.tenant_id = p_tenant and i.invocation_id = p_invocation;
end $$;
