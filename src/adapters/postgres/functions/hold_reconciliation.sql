-- Lets a pass of reconciliation be its server's for another p_lease; false where it is not that server's any more.
-- Locks: the scope's row.
-- Definer: somagent_reconciler.
create or replace function hold_reconciliation(p_scope text, p_began timestamptz, p_lease interval)
    returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update public.reconciliations set leased_until = clock_timestamp() + p_lease
     where scope = p_scope and began_at = p_began and leased_until is not null;
    return found;
end $$;
