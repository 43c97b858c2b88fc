-- An account's balances of a month, by default the present one. A limit whose account of the present month
-- the tenant's next commit will open (see open_periods) counts as opened.
-- Sets app.tenant: for the login of requests, which sees this tenant only.
-- Locks: none.
create or replace function account_usage(p_tenant uuid, p_account uuid, p_month date)
    returns table (metric smallint, month date, limit_amount bigint, spent bigint, held bigint,
                   overrun bigint, warned smallint)
language plpgsql as $$
declare
    v_present date := date_trunc('month', clock_timestamp() at time zone 'UTC');
    v_month   date := coalesce(p_month, v_present);
begin
    perform set_config('app.tenant', p_tenant::text, true);
    return query
    select a.metric, a.period, a.limit_amount, a.spent, a.held, a.overrun, a.warned
      from accounts a
     where a.tenant_id = p_tenant and a.account_id = p_account and a.period = v_month
     union all
    select l.metric, v_month, l.amount, coalesce(b.spent, 0), 0::bigint, 0::bigint, 0::smallint
      from limits l
      left join lateral (select p.spent from accounts p
                          where p.tenant_id = p_tenant and p.account_id = p_account
                            and p.metric = l.metric and p.period < v_month and p.metric in (9, 10)
                          order by p.period desc limit 1) b on true
     where l.tenant_id = p_tenant and l.account_id = p_account and v_month = v_present
       and not exists (select from accounts a
                        where a.tenant_id = p_tenant and a.account_id = p_account
                          and a.metric = l.metric and a.period = v_month)
     order by 1;
end $$;
