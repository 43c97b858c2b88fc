-- The last passes of reconciliation.
-- Definer: somagent_reconciler.
create or replace function reconciliation_passes()
    returns table (scope text, began_at timestamptz, ended_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select r.scope, r.began_at, r.ended_at from public.reconciliations r order by r.scope
$$;
