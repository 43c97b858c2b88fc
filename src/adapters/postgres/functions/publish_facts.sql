-- Publishes facts, in order, with the next sequences of their keys, of which one at most is a session.
-- Locks: none of its own; the caller holds the tenant row.
create or replace function publish_facts(
    p_tenant uuid, p_events uuid[], p_keys uuid[], p_types text[], p_traces text[], p_times bigint[],
    p_payloads bytea[])
returns void language sql as $$
    -- Where no key is a session, no session is named to publish: it numbers all other keys by themselves.
    select publish(p_tenant,
                   coalesce((select s.session_id from sessions s
                              where s.tenant_id = p_tenant and s.session_id = any (p_keys)
                              limit 1), '00000000-0000-0000-0000-000000000000'),
                   p_events, p_keys, p_types, p_traces, p_times, p_payloads)
     where cardinality(p_events) > 0
$$;
