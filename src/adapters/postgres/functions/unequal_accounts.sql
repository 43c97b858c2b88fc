-- Accounts of a tenant that do not hold what is open; with p_sums also those that have not spent what the
-- ledger says, in any period (levels, 9 and 10, have no lines): the tenant's own account bears every line of a
-- metric from when it has a row for it, whether the line names it or not.
-- Locks: none.
-- Definer: somagent_reconciler.
create or replace function unequal_accounts(p_tenant uuid, p_sums boolean)
    returns table (kind text, tenant uuid, reference text, detail text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select 'held_unequal', p_tenant,
           concat_ws('/', coalesce(a.account_id, h.account_id), coalesce(a.metric, h.metric),
                     coalesce(a.period, h.period)),
           'held ' || coalesce(a.held, 0) || ', open ' || coalesce(h.amount, 0)
      from (select * from public.accounts where tenant_id = p_tenant and held <> 0) a
      full join (select * from public.open_holds(p_tenant) where amount <> 0) h
        on h.account_id = a.account_id and h.metric = a.metric and h.period = a.period
     where coalesce(a.held, 0) <> coalesce(h.amount, 0)
    union all
    select 'spent_unequal', p_tenant,
           concat_ws('/', coalesce(a.account_id, l.account_id), coalesce(a.metric, l.metric),
                     coalesce(a.period, l.period)),
           'spent ' || coalesce(a.spent, 0) || ', ledger ' || coalesce(l.amount, 0)
      from (select * from public.accounts
             where tenant_id = p_tenant and metric not in (9, 10) and spent <> 0 and p_sums) a
      full join (select c.account_id, g.metric, g.period, sum(g.amount) as amount
                   from public.ledger g
                  cross join lateral unnest(
                      case when p_tenant = any (g.accounts)
                             or not exists (select from public.accounts o
                                             where o.tenant_id = p_tenant and o.account_id = p_tenant
                                               and o.metric = g.metric and o.period = g.period
                                               and o.opened_at <= g.created_at)
                           then g.accounts else p_tenant || g.accounts end) c(account_id)
                  where g.tenant_id = p_tenant and g.amount <> 0 and p_sums
                  group by c.account_id, g.metric, g.period) l
        on l.account_id = a.account_id and l.metric = a.metric and l.period = a.period
     where coalesce(a.spent, 0) <> coalesce(l.amount, 0)
$$;
