-- Unpublished events of these buckets, by bucket, key and sequence, behind a place: all events of p_key in
-- p_bucket. Of each key the first p_each, so that a page is wide: keys are published side by side. A bucket costs
-- one descent of the index outbox_unpublished, a key two more, whatever else waits. Locks nothing.
-- Definer: somagent_relay.
create or replace function due_events(
    p_buckets integer[], p_bucket integer, p_key uuid, p_each integer, p_limit integer)
returns table (tenant_id uuid, event_id uuid, key_id uuid, sequence bigint, type text, version smallint,
               traceparent text, payload bytea, occurred_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select e.*
      from (select n as bucket,
                   case when n = p_bucket then p_key else '00000000-0000-0000-0000-000000000000' end as above
              from unnest(p_buckets) n where n >= p_bucket order by n) b
     cross join lateral (
           with recursive keys as (
               (select o.key_id
                  from public.outbox o
                 where o.published_at is null
                   and get_byte(uuid_send(o.key_id), 15) & 63 = b.bucket and o.key_id > b.above
                 order by o.key_id
                 limit 1)
                union all
               select (select o.key_id
                         from public.outbox o
                        where o.published_at is null
                          and get_byte(uuid_send(o.key_id), 15) & 63 = b.bucket and o.key_id > k.key_id
                        order by o.key_id
                        limit 1)
                 from keys k
                where k.key_id is not null
           )
           select k.key_id from keys k where k.key_id is not null limit p_limit) k
     cross join lateral (
           select o.tenant_id, o.event_id, o.key_id, o.sequence, o.type, o.version, o.traceparent, o.payload,
                  o.occurred_at
             from public.outbox o
            where o.published_at is null
              and get_byte(uuid_send(o.key_id), 15) & 63 = b.bucket and o.key_id = k.key_id
            order by o.sequence
            limit p_each) e
     limit p_limit
$$;
