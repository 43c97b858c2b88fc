-- Lets a message rest that could not be delivered or taken, once for a tenant, a source and an origin:
-- whether it is new. Of a long payload the first MiB is kept, and its true size.
-- Any function may call it within its own transaction, a definer of somagent_relay too: hence the schema's
-- name before the table's.
-- Locks: none.
create or replace function put_dead_letter(
    p_tenant uuid, p_letter uuid, p_source text, p_origin text, p_topic text, p_key bytea, p_type text,
    p_header_names text[], p_header_values bytea[], p_payload bytea, p_payload_bytes bigint, p_reason text,
    p_cause text, p_attempted timestamptz[], p_errors text[])
returns boolean language plpgsql as $$
begin
    insert into public.dead_letters
           (tenant_id, letter_id, source, origin, topic, key, type, header_names, header_values, payload,
            payload_bytes, reason, cause, attempted_at, attempt_errors, created_at)
    values (p_tenant, p_letter, p_source, p_origin, p_topic, p_key, p_type, p_header_names, p_header_values,
            substring(p_payload from 1 for 1048576), p_payload_bytes, p_reason, p_cause, p_attempted,
            p_errors, clock_timestamp())
        on conflict do nothing;
    return found;
end $$;
