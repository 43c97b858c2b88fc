-- Ends a pass of reconciliation: findings of these kinds that it did not see are over. False, and nothing done, where
-- the pass is not the caller's any more.
-- Definer: somagent_reconciler.
create or replace function end_reconciliation(p_scope text, p_began timestamptz, p_kinds text[]) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update public.reconciliations set ended_at = clock_timestamp(), leased_until = null
     where scope = p_scope and began_at = p_began and leased_until is not null;
    if found then
        delete from public.findings f where f.kind = any (p_kinds) and f.seen_at < p_began;
        return true;
    end if;
    return false;
end $$;
