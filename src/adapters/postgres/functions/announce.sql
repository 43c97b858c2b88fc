-- Writes outgoing events whose keys are not sessions (those number theirs themselves), in order: each gets
-- the next sequence of its key.
-- Locks: the counters of the keys; the caller holds the tenant rows, or locks nothing afterwards. Definers call it
-- too: hence the schema's name before the tables'.
create or replace function announce(
    p_tenants uuid[], p_events uuid[], p_keys uuid[], p_types text[], p_traces text[], p_times bigint[],
    p_payloads bytea[])
returns void language sql as $$
    with counted as (
        insert into public.event_keys as e (tenant_id, key_id, event_sequence)
        select tenant, key, count(*) from unnest(p_tenants, p_keys) k(tenant, key) group by tenant, key
            on conflict (tenant_id, key_id)
            do update set event_sequence = e.event_sequence + excluded.event_sequence
        returning e.tenant_id, e.key_id, coalesce(old.event_sequence, 0) as before
    )
    insert into public.outbox (tenant_id, event_id, key_id, sequence, type, traceparent, payload, occurred_at,
                        created_at)
    select k.tenant, k.event, k.key,
           c.before + row_number() over (partition by k.tenant, k.key order by k.place),
           k.type, k.trace, k.payload, public.instant_of(k.time), clock_timestamp()
      from unnest(p_tenants, p_events, p_keys, p_types, p_traces, p_times, p_payloads) with ordinality
           k(tenant, event, key, type, trace, time, payload, place)
      join counted c on c.tenant_id = k.tenant and c.key_id = k.key
$$;
