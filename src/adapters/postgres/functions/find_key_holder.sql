-- Finds an API key and its tenant, before it is known which tenant's rows may be seen. The caller compares
-- the digest of the secret that was shown.
-- Definer: somagent_directory, who sees all keys and profiles; the identifier is matched as a whole.
-- Locks: none.
create or replace function find_key_holder(p_key uuid)
    returns table (key_id uuid, subject text, key_display_name text, roles text[], scopes text[], digest bytea,
                   creator text, key_created_at timestamptz, expires_at timestamptz, revoked_at timestamptz,
                   key_version bigint,
                   tenant_id uuid, slug text, display_name text, plan text, standing smallint,
                   standing_reason text, created_at timestamptz, version bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select k.key_id, k.subject, k.display_name, k.roles, k.scopes, k.digest,
           k.creator, k.created_at, k.expires_at, k.revoked_at, k.version,
           t.tenant_id, t.slug, t.display_name, t.plan, t.standing, t.standing_reason, t.created_at, t.version
      from public.api_keys k
      join public.tenant_profiles t on t.tenant_id = k.tenant_id
     where k.key_id = p_key
$$;
