-- What the ledger has of a turn, by metric, and every usage event of its session since then.
-- Locks: none.
-- Definer: somagent_reconciler.
create or replace function usage_of_turn(p_tenant uuid, p_turn uuid)
    returns table (turn uuid, metric smallint, amount bigint, payload bytea)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select l.reference_id, l.metric, sum(l.amount)::bigint, null::bytea
      from public.ledger l
     where l.tenant_id = p_tenant and l.reference_id = p_turn
     group by l.reference_id, l.metric
    union all
    select null, null, null, o.payload
      from public.turns t
      join public.outbox o on o.tenant_id = p_tenant and o.key_id = t.session_id
     where t.tenant_id = p_tenant and t.turn_id = p_turn and o.type = 'usage.recorded'
       and o.event_id >= public.first_uuid(uuid_extract_timestamp(p_turn) - interval '1 day')
$$;
