-- Accounts of all tenants whose spent has passed a percentage of the limit of which nobody was told, by the names
-- that their limits have. Any of them where there are more: no account keeps off the others for long.
-- Locks: none.
-- Definer: somagent_sweeper, which sees such accounts and no others, and all limits.
create or replace function due_warnings(p_limit integer)
    returns table (tenant_id uuid, kind text, name text, metric smallint, period date, limit_amount bigint,
                   spent bigint, warned smallint, announced smallint)
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select a.tenant_id, l.kind, l.name, a.metric, a.period, a.limit_amount, a.spent, a.warned, a.announced
      from public.accounts a
      join public.limits l
        on l.tenant_id = a.tenant_id and l.account_id = a.account_id and l.metric = a.metric
     where a.warned > a.announced and a.limit_amount is not null
     order by random()
     limit p_limit
$$;
