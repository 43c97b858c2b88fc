-- Takes an event off the outbox that cannot be published, and lets it rest as a dead letter: both or neither.
-- False where its bucket was leased anew since it was read, or it is off already. (`published_at` says when it
-- went; that it went aside, its dead letter.)
-- Locks: the event's row.
-- Definer: somagent_relay.
create or replace function set_event_aside(
    p_bucket smallint, p_fence bigint, p_tenant uuid, p_event uuid, p_letter uuid, p_source text, p_origin text,
    p_topic text, p_key bytea, p_type text, p_header_names text[], p_header_values bytea[], p_payload bytea,
    p_payload_bytes bigint, p_reason text, p_cause text, p_attempted timestamptz[], p_errors text[])
returns boolean language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    update public.outbox o set published_at = clock_timestamp()
     where o.tenant_id = p_tenant and o.event_id = p_event and o.published_at is null
       and exists (select from public.relay_buckets b where b.bucket = p_bucket and b.fence = p_fence);
    if not found then
        return false;
    end if;
    perform public.put_dead_letter(p_tenant, p_letter, p_source, p_origin, p_topic, p_key, p_type,
                                   p_header_names, p_header_values, p_payload, p_payload_bytes, p_reason,
                                   p_cause, p_attempted, p_errors);
    return true;
end $$;
