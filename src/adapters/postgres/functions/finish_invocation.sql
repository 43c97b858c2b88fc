-- Writes how a started call ended. The fence must be its turn's, which must be running, or that of the call
-- itself where a client made it. An outcome that is not known may become known; others stand.
-- Locks: the turn row, then the invocation's; no tenant row.
-- Returns the fence that an outcome must carry (null: none may be written) and the state before this call;
-- nulls where there is no such invocation.
create or replace function finish_invocation(
    p_tenant uuid, p_invocation uuid, p_fence bigint, p_state smallint, p_result text, p_reason text,
    out fence bigint, out state_before smallint, out turn_id uuid)
language plpgsql as $$
begin
    perform set_config('app.tenants', array[p_tenant]::text, true);
    select i.turn_id into turn_id
      from invocations i
     where i.tenant_id = p_tenant and i.invocation_id = p_invocation;
    if turn_id is not null then
        select case when t.state = 2 then t.fence end into fence
          from turns t
         where t.tenant_id = p_tenant and t.turn_id = finish_invocation.turn_id
           for no key update of t;
    end if;
    select i.state, case when i.turn_id is null then i.fence else finish_invocation.fence end
      into state_before, fence
      from invocations i
     where i.tenant_id = p_tenant and i.invocation_id = p_invocation
       for no key update of i;

    if fence = p_fence and (state_before = 3 and p_state in (4, 5, 6)
                            or state_before = 6 and p_state in (4, 5)) then
        update invocations i
           set state = p_state, result = p_result, reason = p_reason, finished_at = clock_timestamp(),
               lease_until = null
         where i.tenant_id = p_tenant and i.invocation_id = p_invocation;
    end if;
end $$;
