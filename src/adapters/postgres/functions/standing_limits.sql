-- A tenant's standing limits.
-- Sets app.tenant: for the login of requests, which sees this tenant only.
-- Locks: none.
create or replace function standing_limits(p_tenant uuid)
    returns table (kind text, name text, metric smallint, amount bigint, version bigint)
language plpgsql as $$
begin
    perform set_config('app.tenant', p_tenant::text, true);
    return query
    select l.kind, l.name, l.metric, l.amount, l.version from limits l where l.tenant_id = p_tenant;
end $$;
