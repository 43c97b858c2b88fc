-- Opens the accounts of a month for tenants that have none of it: a row for each of their limits. Sums
-- begin at nothing; levels (9 storage_gb, 10 sessions) go on from where they were. A period is never left
-- for an earlier one, whatever the clock does.
-- Locks: none of its own; the caller holds the tenant rows.
create or replace function open_periods(p_tenants uuid[], p_period date) returns void
language sql as $$
    with opened as (
        update tenants set period = p_period
         where tenant_id = any (p_tenants) and (period is null or period < p_period)
        returning tenant_id, old.period as before
    )
    insert into accounts (tenant_id, account_id, metric, period, limit_amount, spent)
    select l.tenant_id, l.account_id, l.metric, p_period, l.amount,
           case when l.metric in (9, 10) then coalesce(a.spent, 0) else 0 end
      from opened o
      join limits l on l.tenant_id = o.tenant_id
      left join accounts a on a.tenant_id = l.tenant_id and a.account_id = l.account_id
                          and a.metric = l.metric and a.period = o.before
        on conflict do nothing
$$;
