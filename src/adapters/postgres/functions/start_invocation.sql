-- Starts a call by itself that was approved, with a lease: once, whoever asks, and not after its time. The same
-- start again, while nobody has taken the call over, is answered as before.
-- Sets app.tenants, without a tenant's lock.
-- Locks: the invocation's row; no tenant row.
-- Returns the invocation's row, and whether this start is what started it; no row where there is no such call
-- by itself.
create or replace function start_invocation(
    p_tenant uuid, p_invocation uuid, p_start uuid, p_reservation uuid, p_lease interval)
    returns table (started boolean, invocation invocations)
language plpgsql as $$
begin
    perform set_config('app.tenants', array[p_tenant]::text, true);
    update invocations i
       set state = 3, lease_until = clock_timestamp() + p_lease, reservation_id = p_reservation,
           start_id = p_start
     where i.tenant_id = p_tenant and i.invocation_id = p_invocation and i.turn_id is null and i.state = 2
       and (i.expires_at is null or i.expires_at > clock_timestamp());
    return query
    select coalesce(i.state = 3 and i.start_id = p_start and i.fence = 0, false), i from invocations i
     where i.tenant_id = p_tenant and i.invocation_id = p_invocation and i.turn_id is null;
end $$;
