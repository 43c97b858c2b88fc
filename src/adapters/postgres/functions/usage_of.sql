-- What the ledger has of turns, of calls by themselves and of reservations by themselves, by metric, and the usage
-- events of since a day before them that name any of them: which it is of, and which of the three that is, is in
-- every row, of which there is one of each at least. Events name their turns alone before revision 0003: calls and
-- reservations that were identified before it are left out.
-- Locks: none.
-- Definer: somagent_reconciler.
create or replace function usage_of(p_tenant uuid, p_references uuid[])
    returns table (reference uuid, what text, metric smallint, amount bigint, payload bytea)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    with asked as materialized (
        select r.reference, coalesce(t.session_id, p_tenant) as key_id,
               case when t.turn_id is not null then 'turn'
                    -- Reservations that have ended are not kept for long.
                    when exists (select from public.invocations i
                                  where i.tenant_id = p_tenant and i.invocation_id = r.reference) then 'call'
                    else 'reservation' end as what
          from unnest(p_references) r(reference)
          left join public.turns t on t.tenant_id = p_tenant and t.turn_id = r.reference
         where t.turn_id is not null
            or r.reference >= (select public.first_uuid(n.since) from public.usage_naming n)),
    -- Each payload is read once, not once for each that is asked for.
    named as materialized (
        select o.key_id, o.payload, n.reference
          from public.outbox o
         cross join lateral (
            select distinct m[1]::uuid as reference
              from regexp_matches(encode(o.payload, 'escape'),
                                  '/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})', 'g') m) n
         where o.tenant_id = p_tenant and o.type = 'usage.recorded'
           and o.key_id = any (array(select distinct k.key_id from asked k))
           and o.event_id >= (select public.first_uuid(uuid_extract_timestamp(f.reference) - interval '1 day')
                                from asked f order by f.reference limit 1))
    select a.reference, a.what, l.metric, sum(l.amount)::bigint, null::bytea
      from asked a
      left join public.ledger l on l.tenant_id = p_tenant and l.reference_id = a.reference
     group by a.reference, a.what, l.metric
    union all
    select a.reference, a.what, null, null, n.payload
      from named n
      join asked a on a.reference = n.reference and a.key_id = n.key_id
$$;
