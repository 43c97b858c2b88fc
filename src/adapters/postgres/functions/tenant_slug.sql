-- The slug of a tenant, for names of what belongs to it.
-- Locks: none.
-- Definer: somagent_directory, which sees every tenant's profile and key.
create or replace function tenant_slug(p_tenant uuid) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select p.slug from public.tenant_profiles p where p.tenant_id = p_tenant
$$;
