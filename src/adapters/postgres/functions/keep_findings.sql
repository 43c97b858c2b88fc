-- Writes down what a pass of reconciliation has found, and lets the pass be the caller's for another p_lease. False,
-- and nothing written, where it is not the caller's any more.
-- Definer: somagent_reconciler.
create or replace function keep_findings(
    p_scope text, p_began timestamptz, p_lease interval, p_kinds text[], p_tenants uuid[], p_references text[],
    p_details text[], p_repaired boolean[]) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_now timestamptz := clock_timestamp();
begin
    if not public.hold_reconciliation(p_scope, p_began, p_lease) then
        return false;
    end if;
    insert into public.findings as known (kind, tenant_id, reference, detail, found_at, seen_at, repaired)
    select k.kind, k.tenant, k.reference, k.detail, v_now, v_now, k.repaired
      from unnest(p_kinds, p_tenants, p_references, p_details, p_repaired)
           k(kind, tenant, reference, detail, repaired)
     order by k.kind, k.tenant, k.reference
        on conflict (kind, tenant_id, reference) do update
       set detail = excluded.detail, seen_at = v_now, repaired = excluded.repaired;
    return true;
end $$;
