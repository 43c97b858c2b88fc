-- Holds all or nothing of one command in the accounts of a period, which the caller's tenant lock covers.
-- An account and metric is named once. A hold without an account row is passed over, or refused if required.
-- Returns the places of the holds that bind, or of the first that is refused with what its account had left
-- (null: it has no row).
-- Locks: none of its own; the caller holds the tenant row.
create or replace function grant_holds(
    p_tenant uuid, p_period date,
    p_accounts uuid[], p_metrics smallint[], p_amounts bigint[], p_required boolean[],
    out bound integer[], out refused_hold integer, out remaining bigint)
language plpgsql as $$
begin
    select h.place, a.limit_amount - a.spent - a.held
      into refused_hold, remaining
      from unnest(p_accounts, p_metrics, p_amounts, p_required) with ordinality
           h(account, metric, amount, required, place)
      left join accounts a on a.tenant_id = p_tenant and a.account_id = h.account
                          and a.metric = h.metric and a.period = p_period
     where h.amount > a.limit_amount - a.spent - a.held or (h.required and a.tenant_id is null)
     order by h.place
     limit 1;
    if refused_hold is not null then
        return;
    end if;

    with reserved as (
        update accounts a set held = a.held + h.amount
          from unnest(p_accounts, p_metrics, p_amounts) with ordinality h(account, metric, amount, place)
         where a.tenant_id = p_tenant and a.account_id = h.account and a.metric = h.metric
           and a.period = p_period
        returning h.place
    )
    select coalesce(array_agg(place order by place), '{}') into bound from reserved;
end $$;
