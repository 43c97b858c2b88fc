-- Takes events off the outbox that were acknowledged; how many. Those of a bucket that was leased anew since
-- it was read, under a higher fence, stay: its holder publishes them again, in order.
-- Locks: the events' rows, sorted.
-- Definer: somagent_relay.
create or replace function mark_published(
    p_buckets smallint[], p_fences bigint[], p_tenants uuid[], p_events uuid[]) returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    with marked as (
        update public.outbox o set published_at = clock_timestamp()
          from unnest(p_tenants, p_events) k(tenant, event)
         where o.tenant_id = k.tenant and o.event_id = k.event and o.published_at is null
           and exists (select from public.relay_buckets b
                         join unnest(p_buckets, p_fences) h(bucket, fence)
                           on h.bucket = b.bucket and h.fence = b.fence
                        where b.bucket = get_byte(uuid_send(o.key_id), 15) & 63)
        returning o.event_id)
    select count(*) from marked
$$;
