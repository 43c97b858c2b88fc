-- Unpublished events of these buckets, by bucket, key and sequence, behind a place: all events of p_key in
-- p_bucket. Each bucket is one descent of the index outbox_unpublished, whatever else waits. Locks nothing.
-- Definer: somagent_relay.
create or replace function due_events(p_buckets integer[], p_bucket integer, p_key uuid, p_limit integer)
returns table (tenant_id uuid, event_id uuid, key_id uuid, sequence bigint, type text, version smallint,
               traceparent text, payload bytea, occurred_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select e.*
      from (select n as bucket,
                   case when n = p_bucket then p_key else '00000000-0000-0000-0000-000000000000' end as above
              from unnest(p_buckets) n where n >= p_bucket order by n) b
     cross join lateral (
           select o.tenant_id, o.event_id, o.key_id, o.sequence, o.type, o.version, o.traceparent, o.payload,
                  o.occurred_at
             from public.outbox o
            where o.published_at is null
              and get_byte(uuid_send(o.key_id), 15) & 63 = b.bucket and o.key_id > b.above
            order by o.key_id, o.sequence
            limit p_limit) e
     limit p_limit
$$;
