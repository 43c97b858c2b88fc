-- Marks calls by themselves whose lease has run out as UNKNOWN: they may have taken effect. How many.
-- Locks: invocation rows, skipping those locked elsewhere; no tenant row.
create or replace function abandon_invocations(p_tenants uuid[], p_invocations uuid[], p_reason text)
    returns integer
language plpgsql as $$
declare
    v_count integer;
begin
    perform set_config('app.tenants', p_tenants::text, true);
    with expired as (
        select i.tenant_id, i.invocation_id
          from invocations i
         where (i.tenant_id, i.invocation_id) in (select * from unnest(p_tenants, p_invocations))
           and i.state = 3 and i.turn_id is null and i.lease_until < clock_timestamp()
         order by i.tenant_id, i.invocation_id
           for no key update of i skip locked
    )
    update invocations i
       set state = 6, reason = p_reason, finished_at = clock_timestamp(), lease_until = null
      from expired e
     where i.tenant_id = e.tenant_id and i.invocation_id = e.invocation_id;
    get diagnostics v_count = row_count;
    return v_count;
end $$;
