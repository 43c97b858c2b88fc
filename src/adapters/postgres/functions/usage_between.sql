-- What the ledger has of a tenant, of what was identified from p_from up to before p_to (null: all after it), by what
-- used it and metric, and the usage events that were identified between the same, whatever they tell of: `reference`
-- is theirs.
-- Locks: none.
-- Definer: somagent_reconciler.
create or replace function usage_between(p_tenant uuid, p_from uuid, p_to uuid)
    returns table (reference uuid, metric smallint, amount bigint, payload bytea)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select l.reference_id, l.metric, sum(l.amount)::bigint, null::bytea
      from public.ledger l
     where l.tenant_id = p_tenant and l.reference_id >= p_from and (p_to is null or l.reference_id < p_to)
     group by l.reference_id, l.metric
    union all
    select o.event_id, null, null, o.payload
      from public.outbox o
     where o.tenant_id = p_tenant and o.type = 'usage.recorded'
       and o.event_id >= p_from and (p_to is null or o.event_id < p_to)
$$;
