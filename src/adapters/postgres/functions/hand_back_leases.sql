-- Lets the leases of running turns run out now, so that another server goes on with them. The server that hands a
-- turn back was not lost with it: the take-over that follows does not count. The turns are distinct; those that
-- another server has by now are passed over, and so are those locked elsewhere, whose leases run out by themselves.
-- Locks: turn rows, sorted, skipping those locked elsewhere; no tenant row.
create or replace function hand_back_leases(p_tenants uuid[], p_turns uuid[], p_fences bigint[])
    returns void language plpgsql as $$
begin
    perform set_config('app.tenants', p_tenants::text, true);
    with locked as (
        select t.tenant_id, t.turn_id, t.fence
          from turns t
         where (t.tenant_id, t.turn_id) in (select * from unnest(p_tenants, p_turns)) and t.state = 2
         order by t.tenant_id, t.turn_id
           for no key update of t skip locked
    )
    update turns t
       set lease_until = clock_timestamp(), take_overs = t.take_overs - 1
      from unnest(p_tenants, p_turns, p_fences) k(tenant, turn, fence)
      join locked l on l.tenant_id = k.tenant and l.turn_id = k.turn and l.fence = k.fence
     where t.tenant_id = k.tenant and t.turn_id = k.turn;
end $$;
