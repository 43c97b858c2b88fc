-- Stores the next version of a dead letter, where the version before it is stored, and publishes the audit of
-- it. A null payload leaves the content as it is.
-- Locks: none of its own, lock_tenants comes first.
-- Outcomes: 0 DONE, 1 another version is stored, 2 there is none such.
create or replace function change_dead_letter(
    p_locked uuid[], p_tenant uuid, p_letter uuid, p_version bigint, p_header_names text[],
    p_header_values bytea[], p_payload bytea, p_payload_bytes bigint, p_reason text, p_cause text,
    p_attempted timestamptz[], p_errors text[], p_state smallint, p_settled timestamptz, p_by text,
    p_note text, p_event uuid, p_key uuid, p_type text, p_trace text, p_time bigint, p_fact bytea)
returns smallint language plpgsql as $$
begin
    update dead_letters l
       set header_names = case when p_payload is null then l.header_names else p_header_names end,
           header_values = case when p_payload is null then l.header_values else p_header_values end,
           payload = coalesce(p_payload, l.payload), payload_bytes = p_payload_bytes, reason = p_reason,
           cause = p_cause, attempted_at = p_attempted, attempt_errors = p_errors, state = p_state,
           taken_until = null, settled_at = p_settled, settled_by = p_by, note = p_note, version = p_version
     where l.tenant_id = p_tenant and l.letter_id = p_letter and l.version = p_version - 1;
    if not found then
        return case when exists (select from dead_letters l
                                  where l.tenant_id = p_tenant and l.letter_id = p_letter)
               then 1 else 2 end;
    end if;
    perform announce(array[p_tenant], array[p_event], array[p_key], array[p_type], array[p_trace],
                     array[p_time], array[p_fact]);
    return 0;
end $$;
