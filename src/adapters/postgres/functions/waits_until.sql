-- Until when a turn waits for people if nobody decides any more: until the last of its waiting calls expires;
-- now, where none waits; null, where one of them waits without an end.
-- Without `is true` the planner, where it knows nothing of a new table, would look through all of the tenant's calls
-- that wait.
-- Locks: none.
create or replace function waits_until(p_tenant uuid, p_turn uuid) returns timestamptz
language sql as $$
    select case when count(*) = 0 then clock_timestamp()
                when bool_and(i.expires_at is not null) then max(i.expires_at) end
      from invocations i
     where i.tenant_id = p_tenant and i.turn_id = p_turn and (i.state = 1) is true
$$;
