-- Takes calls by themselves whose lease has run out: fence + 1, and a lease of the caller's.
-- Sets app.tenants, without a tenant's lock.
-- Locks: invocation rows, skipping those locked elsewhere; no tenant row.
-- Returns the rows of those that were taken.
create or replace function take_invocations(p_tenants uuid[], p_invocations uuid[], p_lease interval)
    returns setof invocations
language plpgsql as $$
begin
    perform set_config('app.tenants', p_tenants::text, true);
    return query
    with expired as (
        select i.tenant_id, i.invocation_id
          from invocations i
         where (i.tenant_id, i.invocation_id) in (select * from unnest(p_tenants, p_invocations))
           and i.state = 3 and i.turn_id is null and i.lease_until < clock_timestamp()
         order by i.tenant_id, i.invocation_id
           for no key update of i skip locked
    )
    update invocations i
       set fence = i.fence + 1, lease_until = clock_timestamp() + p_lease
      from expired e
     where i.tenant_id = e.tenant_id and i.invocation_id = e.invocation_id
    returning i.*;
end $$;
