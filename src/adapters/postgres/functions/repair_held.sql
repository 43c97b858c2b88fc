-- Lets every account of a tenant hold nothing, where nothing of the tenant is open that could hold; whether it
-- was so.
-- Locks: none of its own, lock_tenants comes first: nothing can be opened meanwhile.
create or replace function repair_held(p_locked uuid[], p_tenant uuid) returns boolean
language plpgsql as $$
begin
    if exists (select from turns where tenant_id = p_tenant and state in (1, 2)
                  and hold_amounts <> '{}')
       or exists (select from reservations where tenant_id = p_tenant and state = 1) then
        return false;
    end if;
    update accounts set held = 0 where tenant_id = p_tenant and held <> 0;
    return true;
end $$;
