-- Takes the holds of one reservation in a period, all of them or none. The holds that bind are returned:
-- one that is not required and whose account has no row in the period is passed over. Otherwise `refused`
-- is the index (from 1) of the first hold that does not fit, and `remaining` what its account had left;
-- null when a required hold found no row.
-- The holds name each account and metric once.
-- Locks: none of its own; the caller holds the tenant row.
create or replace function take_holds(
    p_tenant uuid, p_period date,
    p_accounts uuid[], p_metrics smallint[], p_amounts bigint[], p_required boolean[],
    out refused integer, out remaining bigint,
    out accounts uuid[], out metrics smallint[], out amounts bigint[])
language plpgsql as $$
begin
    select h.place, a.limit_amount - a.spent - a.held into refused, remaining
      from unnest(p_accounts, p_metrics, p_amounts, p_required) with ordinality
           h(account, metric, amount, required, place)
      left join accounts a on a.tenant_id = p_tenant and a.account_id = h.account
                          and a.metric = h.metric and a.period = p_period
     where (a.tenant_id is null and h.required) or h.amount > a.limit_amount - a.spent - a.held
     order by h.place
     limit 1;
    if refused is not null then
        return;
    end if;

    with taken as (
        update accounts a set held = a.held + h.amount
          from unnest(p_accounts, p_metrics, p_amounts) with ordinality h(account, metric, amount, place)
         where a.tenant_id = p_tenant and a.account_id = h.account and a.metric = h.metric
           and a.period = p_period
        returning h.place, h.account, h.metric, h.amount
    )
    select coalesce(array_agg(t.account order by t.place), '{}'),
           coalesce(array_agg(t.metric order by t.place), '{}'),
           coalesce(array_agg(t.amount order by t.place), '{}')
      into accounts, metrics, amounts
      from taken t;
end $$;
