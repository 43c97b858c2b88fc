-- Renews the leases of running turns and raises their sequence ceilings (never lowers them). The turns are
-- distinct.
-- The fence alone says whose a turn is: each is given to one server once, by the statement that raises it, and no
-- other is ever told of it as its own. So the owner is not asked for.
-- Locks: turn rows, sorted, skipping those locked elsewhere; no tenant row, so it may run beside the writer.
-- Outcomes: 0 DONE, 6 STALE_FENCE, 8 AGAIN.
create or replace function renew_leases(
    p_lease interval, p_tenants uuid[], p_turns uuid[], p_fences bigint[], p_ceilings bigint[],
    out outcomes smallint[], out lease_ms integer)
language plpgsql as $$
declare
    v_now timestamptz;
begin
    perform set_config('app.tenants', p_tenants::text, true);
    v_now := clock_timestamp();
    with locked as (
        select t.tenant_id, t.turn_id, t.state, t.fence
          from turns t
         where (t.tenant_id, t.turn_id) in (select * from unnest(p_tenants, p_turns))
         order by t.tenant_id, t.turn_id
           for no key update of t skip locked
    ), allowed as (
        select k.*, l.state = 2 and l.fence = k.fence as fits
          from unnest(p_tenants, p_turns, p_fences, p_ceilings) with ordinality
               k(tenant, turn, fence, ceiling, place)
          join locked l on l.tenant_id = k.tenant and l.turn_id = k.turn
    ), renewed as (
        update turns t
           set lease_until = v_now + p_lease, awaits_driver = false,
               sequence_ceiling = greatest(t.sequence_ceiling, k.ceiling)
          from allowed k
         where k.fits and t.tenant_id = k.tenant and t.turn_id = k.turn
    )
    select array_agg(case when a.place is not null then case when a.fits then 0 else 6 end
                          when t.turn_id is null then 6
                          else 8 end::smallint order by k.place)
      into outcomes
      from unnest(p_tenants, p_turns) with ordinality k(tenant, turn, place)
      left join allowed a on a.place = k.place
      left join turns t on t.tenant_id = k.tenant and t.turn_id = k.turn;
    lease_ms := lease_left(v_now + p_lease);
end $$;
