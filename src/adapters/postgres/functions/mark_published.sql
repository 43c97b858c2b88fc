-- Takes events off the outbox that were acknowledged; how many. Each is named with its bucket, and the fence under
-- which it was read: where the bucket was leased anew since, it stays: its new holder publishes it again, in order.
-- The settings keep the planner to the primary key: whatever else waits must not be looked at.
-- Locks: the events' rows, in their order.
-- Definer: somagent_relay.
create or replace function mark_published(
    p_tenants uuid[], p_events uuid[], p_buckets smallint[], p_fences bigint[]) returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set enable_bitmapscan = off as $$
    with marked as (
        update public.outbox o set published_at = clock_timestamp()
          from (select k.tenant, k.event
                  from unnest(p_tenants, p_events, p_buckets, p_fences) k(tenant, event, bucket, fence)
                  join public.relay_buckets b on b.bucket = k.bucket and b.fence = k.fence
                offset 0) k
         where o.tenant_id = k.tenant and o.event_id = k.event and o.published_at is null
        returning o.event_id)
    select count(*) from marked
$$;
