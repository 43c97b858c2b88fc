-- Locks the rows of tenants and shows this transaction those tenants only: the functions that follow read
-- app.tenants as 'what I may touch' and answer 'again' for the rest. Opens the accounts of a new month.
-- Used as an argument of the transaction's first function: p_locked => lock_tenants(…).
-- Locks: tenant rows, sorted. With p_patience it waits so long for a row and then fails with
-- lock_not_available (55P03); without, it skips rows locked elsewhere, so that one tenant cannot stall the
-- others. A tenant that does not exist counts as locked with p_patience, as skipped without.
create or replace function lock_tenants(p_tenants uuid[], p_patience interval) returns uuid[]
language plpgsql as $$
declare
    v_locked uuid[] := p_tenants;
    v_month  date;
    v_opened date;
begin
    perform set_config('app.tenants', p_tenants::text, true);
    if p_patience is not null then
        perform set_config('lock_timeout', (extract(epoch from p_patience) * 1000)::integer::text, true);
        select min(coalesce(period, '-infinity')) into v_opened
          from (select period from tenants where tenant_id = any (p_tenants)
                 order by tenant_id for no key update) locked;
    else
        select array_agg(tenant_id), min(coalesce(period, '-infinity')) into v_locked, v_opened
          from (select tenant_id, period from tenants where tenant_id = any (p_tenants)
                 order by tenant_id for no key update skip locked) locked;
        if cardinality(v_locked) is distinct from cardinality(p_tenants) then
            v_locked := coalesce(v_locked, '{}');
            perform set_config('app.tenants', v_locked::text, true);
        end if;
    end if;
    v_month := date_trunc('month', clock_timestamp() at time zone 'UTC');
    if v_opened < v_month then
        perform open_periods(v_locked, v_month);
    end if;
    return v_locked;
end $$;
