-- The next tenants in order of their identifiers.
-- Definer: somagent_reconciler.
create or replace function tenant_page(p_after uuid, p_limit integer) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select t.tenant_id from public.tenants t
     where p_after is null or t.tenant_id > p_after
     order by t.tenant_id
     limit p_limit
$$;
