-- Leaves a pass of reconciliation that is not at its end: whoever asks next begins it anew. Whether it was the
-- caller's.
-- Definer: somagent_reconciler.
create or replace function give_back_reconciliation(p_scope text, p_began timestamptz) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update public.reconciliations set leased_until = null where scope = p_scope and began_at = p_began;
    return found;
end $$;
