-- Approves or rejects a call that waits; one whose time is over becomes EXPIRED instead.
-- Locks: none of its own, lock_tenants comes first: of two last decisions one sees the other.
-- Returns the state before this call, and whether the call's turn is paused and waits for nothing more;
-- nulls where there is no such invocation.
create or replace function decide_invocation(
    p_locked uuid[], p_tenant uuid, p_invocation uuid, p_approved boolean, p_by text, p_at timestamptz,
    out state_before smallint, out may_resume boolean)
language plpgsql as $$
declare
    v_now  timestamptz := clock_timestamp();
    v_turn uuid;
begin
    update invocations i
       set state = case when i.expires_at <= v_now then 9 when p_approved then 2 else 8 end,
           decided_by = case when i.expires_at <= v_now then '' else p_by end,
           decided_at = case when i.expires_at <= v_now then null else p_at end
     where i.tenant_id = p_tenant and i.invocation_id = p_invocation and i.state = 1;
    if found then
        state_before := 1;
    end if;
    select coalesce(state_before, i.state), i.turn_id into state_before, v_turn
      from invocations i
     where i.tenant_id = p_tenant and i.invocation_id = p_invocation;
    may_resume := exists (select from turns t
                           where t.tenant_id = p_tenant and t.turn_id = v_turn and t.state = 3)
                  and not exists (select from invocations i
                                   where i.tenant_id = p_tenant and i.turn_id = v_turn and i.state = 1
                                     and (i.expires_at > v_now or i.expires_at is null));
end $$;
