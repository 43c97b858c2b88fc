-- Writes how a started call ended. The fence must be its turn's, which must be running, or that of the call
-- itself where a client made it. What a call has ended with stands.
-- Sets app.tenants, without a tenant's lock.
-- Locks: the turn row, then the invocation's; no tenant row.
-- Returns the invocation's row as it is after this call, the state before, and the fence that an outcome
-- must carry (null: none may be written); no row where there is no such invocation.
create or replace function finish_invocation(
    p_tenant uuid, p_invocation uuid, p_fence bigint, p_state smallint, p_result text, p_reason text)
    returns table (expected_fence bigint, state_before smallint, invocation invocations)
language plpgsql as $$
declare
    v_turn   uuid;
    v_fence  bigint;
    v_before smallint;
begin
    perform set_config('app.tenants', array[p_tenant]::text, true);
    select i.turn_id into v_turn
      from invocations i
     where i.tenant_id = p_tenant and i.invocation_id = p_invocation;
    select t.fence into v_fence
      from turns t
     where t.tenant_id = p_tenant and t.turn_id = v_turn and t.state = 2
       for no key update of t;
    select i.state, case when i.turn_id is null then i.fence else v_fence end into v_before, v_fence
      from invocations i
     where i.tenant_id = p_tenant and i.invocation_id = p_invocation
       for no key update of i;

    if v_fence = p_fence and v_before = 3 and p_state in (4, 5, 6) then
        update invocations i
           set state = p_state, result = p_result, reason = p_reason, finished_at = clock_timestamp(),
               lease_until = null
         where i.tenant_id = p_tenant and i.invocation_id = p_invocation;
    end if;
    return query
    select v_fence, v_before, i from invocations i
     where i.tenant_id = p_tenant and i.invocation_id = p_invocation;
end $$;
