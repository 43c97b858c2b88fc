-- Approves or rejects a call that waits; one whose time is over becomes EXPIRED instead.
-- A decision that is made now is published with it.
-- Locks: none of its own, lock_tenants comes first: of two last decisions one sees the other.
-- Returns the invocation's row as it is after this call, whether this call changed it, and whether its turn
-- is paused and waits for nothing more; no row where there is no such invocation.
create or replace function decide_invocation(
    p_locked uuid[], p_tenant uuid, p_invocation uuid, p_approved boolean, p_by text, p_at timestamptz,
    p_event uuid, p_key uuid, p_type text, p_trace text, p_time bigint, p_payload bytea)
    returns table (changed boolean, may_resume boolean, invocation invocations)
language plpgsql as $$
declare
    v_now     timestamptz := clock_timestamp();
    v_changed boolean;
    v_expired boolean;
    v_session uuid;
begin
    update invocations i
       set state = case when i.expires_at <= v_now then 9 when p_approved then 2 else 8 end,
           decided_by = case when i.expires_at <= v_now then '' else p_by end,
           decided_at = case when i.expires_at <= v_now then null else p_at end
     where i.tenant_id = p_tenant and i.invocation_id = p_invocation and i.state = 1
    returning i.state = 9 into v_expired;
    v_changed := found;
    if v_changed and not v_expired then
        -- A key that is no session is numbered by itself: publish does so with every key that is not
        -- the session it is given.
        select s.session_id into v_session
          from sessions s
         where s.tenant_id = p_tenant and s.session_id = p_key;
        perform publish(p_tenant, coalesce(v_session, p_invocation), array[p_event], array[p_key],
                        array[p_type], array[p_trace], array[p_time], array[p_payload]);
    end if;
    return query
    select v_changed,
           exists (select from turns t
                    where t.tenant_id = p_tenant and t.turn_id = i.turn_id and t.state = 3)
           and not exists (select from invocations w
                            where w.tenant_id = p_tenant and w.turn_id = i.turn_id and w.state = 1
                              and (w.expires_at > v_now or w.expires_at is null)),
           i
      from invocations i
     where i.tenant_id = p_tenant and i.invocation_id = p_invocation;
end $$;
