-- Renews the lease of a call by itself that is started, under its fence: whether it is still the caller's.
-- Sets app.tenants, without a tenant's lock.
-- Locks: the invocation's row; no tenant row.
create or replace function renew_invocation(
    p_tenant uuid, p_invocation uuid, p_fence bigint, p_lease interval, out renewed boolean)
language plpgsql as $$
begin
    perform set_config('app.tenants', array[p_tenant]::text, true);
    update invocations i set lease_until = clock_timestamp() + p_lease
     where i.tenant_id = p_tenant and i.invocation_id = p_invocation and i.turn_id is null
       and i.state = 3 and i.fence = p_fence;
    renewed := found;
end $$;
