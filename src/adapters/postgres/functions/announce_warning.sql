-- Publishes that an account has passed a percentage of its limit, once: whether it was published now.
-- Locks: none of its own, lock_tenants comes first.
create or replace function announce_warning(
    p_locked uuid[], p_tenant uuid, p_account uuid, p_metric smallint, p_period date, p_percent smallint,
    p_event uuid, p_key uuid, p_type text, p_trace text, p_time bigint, p_payload bytea)
    returns boolean
language plpgsql as $$
begin
    update accounts a set announced = p_percent
     where a.tenant_id = p_tenant and a.account_id = p_account and a.metric = p_metric
       and a.period = p_period and a.announced < p_percent and a.warned >= p_percent;
    if not found then
        return false;
    end if;
    perform announce(array[p_tenant], array[p_event], array[p_key], array[p_type], array[p_trace],
                     array[p_time], array[p_payload]);
    return true;
end $$;
