-- Writes the outgoing events of one command of a turn, in order, with the next sequences of their keys.
-- Locks: none of its own; the caller holds the tenant row.
create or replace function publish(
    p_tenant uuid, p_session uuid, p_events uuid[], p_keys uuid[], p_types text[], p_traces text[],
    p_times bigint[], p_payloads bytea[])
returns void language sql as $$
    with counted as (
        update sessions s
           set event_sequence = s.event_sequence + (select count(*) from unnest(p_keys) k where k = p_session)
         where s.tenant_id = p_tenant and s.session_id = p_session
        returning old.event_sequence as before
    )
    insert into outbox (tenant_id, event_id, key_id, sequence, type, traceparent, payload, occurred_at,
                        created_at)
    select p_tenant, k.event, k.key, c.before + row_number() over (order by k.place), k.type, k.trace,
           k.payload, instant_of(k.time), clock_timestamp()
      from unnest(p_events, p_keys, p_types, p_traces, p_times, p_payloads) with ordinality
           k(event, key, type, trace, time, payload, place), counted c
     where k.key = p_session;

    select announce(array_agg(p_tenant), array_agg(k.event order by k.place),
                    array_agg(k.key order by k.place), array_agg(k.type order by k.place),
                    array_agg(k.trace order by k.place), array_agg(k.time order by k.place),
                    array_agg(k.payload order by k.place))
      from unnest(p_events, p_keys, p_types, p_traces, p_times, p_payloads) with ordinality
           k(event, key, type, trace, time, payload, place)
     where k.key <> p_session
    having count(*) > 0;
$$;
