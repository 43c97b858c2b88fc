-- Takes over running turns of all tenants whose lease has run out: fence + 1, a lease for p_owner, and one more
-- lost server counted. Returned are those whose driver was lost: what it may have shown reaches up to the returned
-- ceiling; the new one goes on above it, under the returned fence: one that is read later may be another server's.
-- A turn that was promoted and that nobody has driven yet (a driver's first act is a renewal, which says so) shows
-- nothing to anybody: p_owner has it as one promoted for itself, while its deadline is to come and it was not lost
-- more than p_most times.
-- left_ms is what is left until the deadline, by the database's clock; below 0 when it has passed.
-- Of the 1,000 that expired first each tenant has one taken over before any has two: one with many holds up no
-- other, and none is passed over for long, for what was taken over is expired no more.
-- Locks: turn rows, passing over those locked elsewhere, which count for nothing; no tenant row.
-- Definer: somagent_sweeper, whose own policy shows it turns of every tenant that run or are paused.
create or replace function take_over_expired(
    p_owner uuid, p_lease interval, p_above bigint, p_most integer, p_limit integer)
    returns table (
        tenant_id uuid, turn_id uuid, fence bigint, ceiling bigint, lease_ms integer, take_overs smallint,
        left_ms bigint)
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    with ranked as (
        select f.tenant_id, f.turn_id, f.lease_until,
               row_number() over (partition by f.tenant_id order by f.lease_until) as nth
          from (select o.tenant_id, o.turn_id, o.lease_until
                  from public.turns o
                 where o.state = 2 and o.lease_until < clock_timestamp()
                 order by o.lease_until
                 limit 1000) f
    ), expired as (
        select t.tenant_id, t.turn_id
          from ranked r
          join public.turns t on t.tenant_id = r.tenant_id and t.turn_id = r.turn_id
         where t.state = 2 and t.lease_until < clock_timestamp()
         order by r.nth, r.lease_until
         limit p_limit
           for no key update of t skip locked
    ), taken as (
        update public.turns t
           set fence = t.fence + 1, owner_id = p_owner, lease_until = clock_timestamp() + p_lease,
               take_overs = least(t.take_overs, 1000) + 1,
               awaits_driver = t.awaits_driver and t.deadline_at > clock_timestamp() and t.take_overs < p_most,
               sequence_ceiling = t.sequence_ceiling + p_above
          from expired e
         where t.tenant_id = e.tenant_id and t.turn_id = e.turn_id
        returning t.tenant_id, t.turn_id, t.fence, old.sequence_ceiling as ceiling, t.lease_until,
                  t.awaits_driver, t.take_overs, t.deadline_at
    )
    select k.tenant_id, k.turn_id, k.fence, k.ceiling, public.lease_left(k.lease_until), k.take_overs,
           (extract(epoch from k.deadline_at - clock_timestamp()) * 1000)::bigint
      from taken k
     where not k.awaits_driver
$$;
