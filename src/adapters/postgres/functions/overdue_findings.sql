-- What of all tenants is open, unpublished or unsealed for longer than it may be; p_limit of a kind at most.
-- Locks: none.
-- Definer: somagent_reconciler.
create or replace function overdue_findings(
    p_lease interval, p_open interval, p_unpublished interval, p_unsealed interval, p_limit integer)
    returns table (kind text, tenant uuid, reference text, detail text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    (select 'turn_overdue', t.tenant_id, t.turn_id::text, 'deadline ' || t.deadline_at
       from public.turns t
      where t.state = 2 and t.deadline_at < clock_timestamp() - p_lease
      order by t.lease_until limit p_limit)
    union all
    (select 'reservation_overdue', r.tenant_id, r.reservation_id::text, 'expired ' || r.expires_at
       from public.reservations r
      where r.state = 1 and r.expires_at < clock_timestamp() - p_open
      order by r.expires_at limit p_limit)
    union all
    (select 'call_overdue', i.tenant_id, i.invocation_id::text, 'lease ' || i.lease_until
       from public.invocations i
      where i.state = 3 and i.turn_id is null and i.lease_until < clock_timestamp() - p_open
      order by i.lease_until limit p_limit)
    union all
    (select 'event_overdue', e.tenant_id, (array_agg(e.event_id order by e.sequence))[1]::text,
            'since ' || min(e.created_at)
       from (select o.tenant_id, o.key_id, o.event_id, o.sequence, o.created_at
               from public.outbox o
              where o.published_at is null and o.created_at < clock_timestamp() - p_unpublished
              limit 10000) e
      group by e.tenant_id, e.key_id order by min(e.created_at) limit p_limit)
    union all
    (select 'record_overdue', r.tenant_id, (array_agg(r.record_id order by r.position))[1]::text,
            count(*) || ' since ' || min(r.created_at)
       from (select u.tenant_id, u.record_id, u.position, u.created_at
               from public.records u
              where u.seal is null and u.created_at < clock_timestamp() - p_unsealed
              limit 10000) r
      group by r.tenant_id order by min(r.created_at) limit p_limit)
$$;
