-- Lets every account of a tenant hold nothing, where nothing of the tenant is open that holds; whether it was so.
-- Turns that are not open are not read: the tenant is locked meanwhile.
-- Locks: none of its own, lock_tenants comes first: nothing can be opened meanwhile.
create or replace function repair_held(p_locked uuid[], p_tenant uuid) returns boolean
language plpgsql as $$
begin
    if exists (select from open_holds(p_tenant)) then
        return false;
    end if;
    update accounts set held = 0 where tenant_id = p_tenant and held <> 0;
    return true;
end $$;
