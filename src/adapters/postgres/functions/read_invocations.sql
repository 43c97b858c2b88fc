-- The rows of invocations of any tenants, in the order in which they are named, for a sweep that goes on with
-- them.
-- Sets app.tenants, without a tenant's lock.
-- Locks: none.
create or replace function read_invocations(p_tenants uuid[], p_invocations uuid[])
    returns setof invocations
language plpgsql as $$
begin
    perform set_config('app.tenants', p_tenants::text, true);
    return query
    select i.*
      from unnest(p_tenants, p_invocations) with ordinality as n(tenant_id, invocation_id, place)
      join invocations i on i.tenant_id = n.tenant_id and i.invocation_id = n.invocation_id
     order by n.place;
end $$;
