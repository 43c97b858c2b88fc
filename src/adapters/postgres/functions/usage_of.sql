-- What the ledger has of a turn, of a call by itself or of a reservation by itself, by metric, and the usage
-- events since then that name it; and which of the three it is.
-- Locks: none.
-- Definer: somagent_reconciler.
create or replace function usage_of(p_tenant uuid, p_reference uuid)
    returns table (what text, metric smallint, amount bigint, payload bytea)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_key  uuid;
    v_what text;
begin
    select t.session_id, 'turn' into v_key, v_what
      from public.turns t
     where t.tenant_id = p_tenant and t.turn_id = p_reference;
    if v_key is null then
        v_key := p_tenant;
        -- Reservations that have ended are not kept for long.
        v_what := case when exists (select from public.invocations i
                                     where i.tenant_id = p_tenant and i.invocation_id = p_reference)
                       then 'call' else 'reservation' end;
    end if;
    return query
    select v_what, l.metric, sum(l.amount)::bigint, null::bytea
      from public.ledger l
     where l.tenant_id = p_tenant and l.reference_id = p_reference
     group by l.metric
    union all
    select v_what, null, null, o.payload
      from public.outbox o
     where o.tenant_id = p_tenant and o.key_id = v_key and o.type = 'usage.recorded'
       and o.event_id >= public.first_uuid(uuid_extract_timestamp(p_reference) - interval '1 day')
       and position(convert_to(p_reference::text, 'UTF8') in o.payload) > 0;
end $$;
