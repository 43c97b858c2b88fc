-- Begins a pass of reconciliation, unless one is going on, or the last one ended less than p_every ago. It is the
-- caller's for p_lease, by the time at which it began, which is returned: null where it was not begun.
-- Definer: somagent_reconciler.
create or replace function begin_reconciliation(p_scope text, p_every interval, p_lease interval)
    returns timestamptz
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_now timestamptz := clock_timestamp();
begin
    insert into public.reconciliations as known (scope, began_at, leased_until)
    values (p_scope, v_now, v_now + p_lease)
        on conflict (scope) do update set began_at = v_now, leased_until = v_now + p_lease
     where coalesce(known.leased_until, '-infinity') < v_now
       and coalesce(known.ended_at, '-infinity') <= v_now - p_every;
    return case when found then v_now end;
end $$;
