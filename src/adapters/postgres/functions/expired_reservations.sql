-- Reservations of all tenants that are held though their time is over, the longest over first. What ends
-- them asks again under their tenant's lock.
-- Locks: none.
-- Definer: somagent_sweeper, which sees reservations that are held and nothing else of them.
create or replace function expired_reservations(p_limit integer)
    returns table (tenant_id uuid, reservation_id uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select r.tenant_id, r.reservation_id
      from public.reservations r
     where r.state = 1 and r.expires_at < clock_timestamp()
     order by r.expires_at
     limit p_limit
$$;
