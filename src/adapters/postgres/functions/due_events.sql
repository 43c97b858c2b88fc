-- Unpublished events of these buckets, by bucket, key and sequence, behind a place: all events of p_key in
-- p_bucket. Of each key the first p_each, so that a page is wide: keys are published side by side. A bucket costs
-- one descent of the index outbox_unpublished, whatever else waits; if p_limit events in a row are of keys that have
-- more than p_each, they are read again with two descents a key, which passes over the rest. Locks nothing.
-- Definer: somagent_relay.
create or replace function due_events(
    p_buckets integer[], p_bucket integer, p_key uuid, p_each integer, p_limit integer)
returns table (tenant_id uuid, event_id uuid, key_id uuid, sequence bigint, type text, version smallint,
               traceparent text, payload bytea, occurred_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    with buckets as (
        select n as bucket,
               case when n = p_bucket then p_key else '00000000-0000-0000-0000-000000000000' end as above
          from unnest(p_buckets) n where n >= p_bucket order by n
    ), ahead as materialized (
        select r.*, row_number() over (partition by r.bucket, r.key_id order by r.sequence) as nth
          from (select b.bucket, e.*
                  from buckets b
                 cross join lateral (
                       select o.tenant_id, o.event_id, o.key_id, o.sequence, o.type, o.version, o.traceparent,
                              o.payload, o.occurred_at
                         from public.outbox o
                        where o.published_at is null
                          and get_byte(uuid_send(o.key_id), 15) & 63 = b.bucket and o.key_id > b.above
                        order by o.key_id, o.sequence
                        limit p_limit) e
                 limit p_limit) r
    ), seen as materialized (
        select count(*) < p_limit or max(r.nth) <= p_each as wide from ahead r
    )
    (select r.tenant_id, r.event_id, r.key_id, r.sequence, r.type, r.version, r.traceparent, r.payload,
            r.occurred_at
       from ahead r
      where r.nth <= p_each and (select s.wide from seen s)
      order by r.bucket, r.key_id, r.sequence)
     union all
    (select e.*
       from buckets b
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
      where not (select s.wide from seen s)
      limit p_limit)
$$;
