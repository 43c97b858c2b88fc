-- Settles the holds of one reservation in its own period with what was used, and writes the ledger lines
-- of this step. Never fails: what exceeds the limit is recorded as overrun. A use of a metric that is not held
-- is settled as over a hold of nothing: in the tenant's own account and in every other one of the holds, where
-- there is a row for it.
-- The holds name each account and metric once, the uses each metric once.
-- Returns what was overrun, of each hold in order and then of the added ones, and which were added.
-- Locks: none of its own; the caller holds the tenant row.
create or replace function settle_holds(
    p_tenant uuid, p_reference uuid, p_step integer, p_round integer, p_period date,
    p_accounts uuid[], p_metrics smallint[], p_amounts bigint[],
    p_use_metrics smallint[], p_use_amounts bigint[], p_use_prices integer[],
    out overruns bigint[], out added_accounts uuid[], out added_metrics smallint[])
language sql as $$
    with added as (
        -- Each row is looked up by its key: no estimate can make a scan of the tenant's accounts of it.
        select b.account, u.metric,
               cardinality(p_accounts) + row_number() over (order by u.place, b.place) as place
          from unnest(p_use_metrics, p_use_amounts) with ordinality u(metric, amount, place)
         cross join (select c.account, min(c.place) as place
                       from unnest(p_tenant || p_accounts) with ordinality c(account, place)
                      group by c.account) b
         cross join lateral (select from accounts a
                              where a.tenant_id = p_tenant and a.account_id = b.account
                                and a.metric = u.metric and a.period = p_period
                              limit 1) a
         where u.amount > 0 and u.metric <> all (p_metrics)
    ), holds as (
        select h.account, h.metric, h.amount, h.place
          from unnest(p_accounts, p_metrics, p_amounts) with ordinality h(account, metric, amount, place)
         union all
        select a.account, a.metric, 0, a.place from added a
    ), settled as (
        update accounts a
           set held = a.held - h.amount, spent = a.spent + coalesce(u.amount, 0),
               overrun = a.overrun + case when u.amount > h.amount
                   then overrun_of(a.limit_amount - a.spent - a.held, array[u.amount - h.amount])
                   else 0 end,
               warned = greatest(a.warned,
                                 percentage_passed(a.limit_amount, a.spent + coalesce(u.amount, 0)))
          from holds h
          left join unnest(p_use_metrics, p_use_amounts) u(metric, amount) on u.metric = h.metric
         where a.tenant_id = p_tenant and a.account_id = h.account and a.metric = h.metric
           and a.period = p_period
        returning h.place, h.account, h.metric, a.overrun - old.overrun as overrun
    ), borne as (
        insert into overruns (tenant_id, reference_id, step, account_id, metric, amount)
        select p_tenant, p_reference, p_step, s.account, s.metric, s.overrun
          from settled s where s.overrun > 0
    ), billed as (
        insert into ledger (tenant_id, reference_id, step, metric, amount, price_version, round, period,
                            accounts, created_at)
        select p_tenant, p_reference, p_step, u.metric, u.amount, u.price, p_round, p_period,
               coalesce((select array_agg(h.account) from holds h where h.metric = u.metric), '{}'),
               clock_timestamp()
          from unnest(p_use_metrics, p_use_amounts, p_use_prices) u(metric, amount, price)
    )
    select coalesce((select array_agg(s.overrun order by s.place) from settled s), '{}'),
           coalesce((select array_agg(a.account order by a.place) from added a), '{}'),
           coalesce((select array_agg(a.metric order by a.place) from added a), '{}')
$$;
