-- Running turns of all tenants that are past their deadline, or whose lease has run out, oldest first, later
-- than p_after.
-- Locks: none.
-- Definer: somagent_sweeper, whose own policy shows it running turns of every tenant and nothing else.
create or replace function stuck_turns(p_after uuid, p_limit integer)
    returns table (tenant_id uuid, session_id uuid, turn_id uuid, owner_id uuid, fence bigint,
                   accepted_at timestamptz, deadline_at timestamptz, lease_until timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select t.tenant_id, t.session_id, t.turn_id, t.owner_id, t.fence, t.accepted_at, t.deadline_at,
           t.lease_until
      from public.turns t
     where t.state = 2
       and (t.lease_until < clock_timestamp() or t.deadline_at < clock_timestamp())
       and (p_after is null or t.turn_id > p_after)
     order by t.turn_id
     limit p_limit
$$;
