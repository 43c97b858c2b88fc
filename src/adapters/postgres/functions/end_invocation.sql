-- Ends a call by itself (see finish_invocation), settles what was reserved for it, and publishes the facts
-- of both: all or nothing, once. The ledger's lines are under the call. The last p_billed facts are those of
-- the settlement, and are published only where something was settled. A reservation that lapsed meanwhile is
-- settled all the same, without a hold.
-- Locks: none of its own, lock_tenants comes first.
-- Returns what finish_invocation does.
create or replace function end_invocation(
    p_locked uuid[], p_tenant uuid, p_invocation uuid, p_fence bigint, p_state smallint, p_result text,
    p_reason text, p_metrics smallint[], p_amounts bigint[], p_prices integer[], p_billed integer,
    p_events uuid[], p_keys uuid[], p_types text[], p_traces text[], p_times bigint[], p_payloads bytea[])
    returns table (expected_fence bigint, state_before smallint, invocation invocations)
language plpgsql as $$
declare
    v_ended    record;
    v_held     reservations;
    v_booked   record;
    v_facts    integer := cardinality(p_events);
begin
    select * into v_ended
      from finish_invocation(p_tenant, p_invocation, p_fence, p_state, p_result, p_reason);
    if v_ended.expected_fence = p_fence and v_ended.state_before = 3 then
        select r.* into v_held
          from reservations r
         where r.tenant_id = p_tenant and r.reservation_id = (v_ended.invocation).reservation_id
           and r.state in (1, 3);
        if v_held.reservation_id is null then
            v_facts := v_facts - p_billed;
        else
            select * into v_booked from settle_holds(
                p_tenant, p_invocation, 1, v_held.step, v_held.hold_period,
                v_held.hold_accounts, v_held.hold_metrics,
                case when v_held.state = 1 then v_held.hold_amounts
                     else array_fill(0::bigint, array[cardinality(v_held.hold_amounts)]) end,
                p_metrics, p_amounts, p_prices);
            update reservations r
               set state = 2, ended_at = clock_timestamp(), used_metrics = p_metrics,
                   used_amounts = p_amounts, overruns = v_booked.overruns,
                   hold_accounts = r.hold_accounts || v_booked.added_accounts,
                   hold_metrics = r.hold_metrics || v_booked.added_metrics,
                   hold_amounts = r.hold_amounts
                       || array_fill(0::bigint, array[cardinality(v_booked.added_metrics)])
             where r.tenant_id = p_tenant and r.reservation_id = v_held.reservation_id;
        end if;
        perform publish_facts(p_tenant, p_events[:v_facts], p_keys[:v_facts], p_types[:v_facts],
                              p_traces[:v_facts], p_times[:v_facts], p_payloads[:v_facts]);
    end if;
    return query
    select v_ended.expected_fence, v_ended.state_before, v_ended.invocation
     where v_ended.invocation is distinct from null;
end $$;
