-- Lets findings of these kinds stay, of a tenant (null: of all), over a pass that could not look for them, and lets
-- the pass be the caller's for another p_lease. False, and nothing written, where it is not the caller's any more.
-- Definer: somagent_reconciler.
create or replace function spare_findings(
    p_scope text, p_began timestamptz, p_lease interval, p_kinds text[], p_tenant uuid) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not public.hold_reconciliation(p_scope, p_began, p_lease) then
        return false;
    end if;
    update public.findings set seen_at = clock_timestamp()
     where kind = any (p_kinds) and (p_tenant is null or tenant_id = p_tenant);
    return true;
end $$;
