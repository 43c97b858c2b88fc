-- Finds a tenant by its slug, before it is known which tenant's rows may be seen.
-- Definer: somagent_directory, who sees all profiles; the slug is matched as a whole.
-- Locks: none.
create or replace function find_tenant(p_slug text)
    returns table (tenant_id uuid, slug text, display_name text, plan text, standing smallint,
                   standing_reason text, created_at timestamptz, version bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select t.tenant_id, t.slug, t.display_name, t.plan, t.standing, t.standing_reason, t.created_at, t.version
      from public.tenant_profiles t
     where t.slug = p_slug
$$;
