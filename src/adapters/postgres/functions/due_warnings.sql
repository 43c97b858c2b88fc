-- Accounts of all tenants whose spent has passed a percentage of the limit of which nobody was told.
-- Locks: none.
-- Definer: somagent_sweeper, which sees such accounts and no others.
create or replace function due_warnings(p_limit integer)
    returns table (tenant_id uuid, account_id uuid, metric smallint, period date, limit_amount bigint,
                   spent bigint, warned smallint, announced smallint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select a.tenant_id, a.account_id, a.metric, a.period, a.limit_amount, a.spent, a.warned, a.announced
      from public.accounts a
     where a.warned > a.announced and a.limit_amount is not null
     limit p_limit
$$;
