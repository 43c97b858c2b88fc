-- Sets a standing limit, and the present period's. It may lie below what is spent and held: then nothing
-- fits until it does. A null amount is unlimited.
-- Locks: none of its own, lock_tenants comes first.
create or replace function set_limit(
    p_locked uuid[], p_tenant uuid, p_account uuid, p_kind text, p_name text, p_metric smallint,
    p_amount bigint) returns void
language sql as $$
    insert into limits (tenant_id, account_id, metric, kind, name, amount)
    values (p_tenant, p_account, p_metric, p_kind, p_name, p_amount)
        on conflict (tenant_id, account_id, metric) do update set amount = excluded.amount;
    insert into accounts (tenant_id, account_id, metric, period, limit_amount)
    select n.tenant_id, p_account, p_metric, n.period, p_amount from tenants n where n.tenant_id = p_tenant
        on conflict (tenant_id, account_id, metric, period) do update
       set limit_amount = excluded.limit_amount;
$$;
