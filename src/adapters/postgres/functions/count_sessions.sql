-- Puts so many more on the level of a tenant's open sessions (metric 10 of its own account); what the account
-- has left when they do not fit, and nothing is changed. A tenant without a limit for it may open any number.
-- Locks: none of its own; the caller holds the tenant row.
create or replace function count_sessions(p_tenant uuid, p_sessions integer) returns bigint
language plpgsql as $$
declare
    v_remaining bigint;
begin
    update accounts a
       set spent = greatest(0, a.spent + p_sessions),
           warned = greatest(a.warned, percentage_passed(a.limit_amount, a.spent + p_sessions))
      from tenants n
     where n.tenant_id = p_tenant and a.tenant_id = n.tenant_id and a.account_id = n.tenant_id
       and a.metric = 10 and a.period = n.period
       and (p_sessions <= 0 or a.limit_amount is null or a.spent + a.held + p_sessions <= a.limit_amount);
    if found then
        return null;
    end if;
    select a.limit_amount - a.spent - a.held into v_remaining
      from tenants n
      join accounts a on a.tenant_id = n.tenant_id and a.account_id = n.tenant_id and a.metric = 10
                     and a.period = n.period
     where n.tenant_id = p_tenant;
    return v_remaining;
end $$;
