-- Lets what was found of a tenant stay over a pass that could not look at it, and lets the pass be the caller's
-- for another p_lease.
-- Definer: somagent_reconciler.
create or replace function spare_findings(p_scope text, p_lease interval, p_tenant uuid) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_now timestamptz := clock_timestamp();
begin
    update public.reconciliations set leased_until = v_now + p_lease where scope = p_scope;
    update public.findings set seen_at = v_now where tenant_id = p_tenant;
end $$;
