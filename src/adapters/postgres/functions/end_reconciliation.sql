-- Ends a pass of reconciliation: findings of these kinds that it did not see are over.
-- Definer: somagent_reconciler.
create or replace function end_reconciliation(p_scope text, p_kinds text[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    delete from public.findings f
     using public.reconciliations r
     where r.scope = p_scope and f.kind = any (p_kinds) and f.seen_at < r.began_at;
    update public.reconciliations set ended_at = clock_timestamp(), leased_until = null
     where scope = p_scope;
end $$;
