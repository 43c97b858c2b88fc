-- What reconciliations have found of one tenant, or of all (null), after a place.
-- Definer: somagent_reconciler.
create or replace function finding_page(p_tenant uuid, p_after text, p_limit integer)
    returns table (place text, kind text, tenant uuid, reference text, detail text, repaired boolean,
                   found_at timestamptz, seen_at timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    -- One index has the places of all, one those of each tenant.
    if p_tenant is null then
        return query
        select f.place, f.kind, f.tenant_id, f.reference, f.detail, f.repaired, f.found_at, f.seen_at
          from public.findings f
         where f.place > p_after
         order by f.place
         limit p_limit;
    else
        return query
        select f.place, f.kind, f.tenant_id, f.reference, f.detail, f.repaired, f.found_at, f.seen_at
          from public.findings f
         where f.tenant_id = p_tenant and f.place > p_after
         order by f.place
         limit p_limit;
    end if;
end $$;
