-- What reconciliations have found of one tenant, or of all (null), after a place.
-- Definer: somagent_reconciler.
create or replace function finding_page(p_tenant uuid, p_after text, p_limit integer)
    returns table (place text, kind text, tenant uuid, reference text, detail text, repaired boolean,
                   found_at timestamptz, seen_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select * from (
        select concat_ws(' ', f.kind, f.tenant_id, f.reference) collate "C" as place, f.kind, f.tenant_id,
               f.reference, f.detail, f.repaired, f.found_at, f.seen_at
          from public.findings f
         where p_tenant is null or f.tenant_id = p_tenant) f
     where f.place > p_after
     order by f.place
     limit p_limit
$$;
