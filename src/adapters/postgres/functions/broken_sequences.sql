-- Keys of a tenant whose events, and chains whose records, since p_since ago (null: all that are kept) are not
-- numbered without gaps up to their last. What looks so by the time in identifiers is counted again by numbers:
-- clocks of servers differ.
-- The settings keep the planner to each key's own rows: whatever else the tenant has must not be looked at.
-- Locks: none.
-- Definer: somagent_reconciler.
create or replace function broken_sequences(p_tenant uuid, p_since interval)
    returns table (kind text, tenant uuid, reference text, detail text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off as $$
declare
    v_first uuid := coalesce(public.first_uuid(clock_timestamp() - p_since),
                             '00000000-0000-0000-0000-000000000000');
begin
    return query
    with seen as (
        select o.key_id, min(o.sequence) as least, count(*) as events
          from public.outbox o
         where o.tenant_id = p_tenant and o.event_id >= v_first
         group by o.key_id
    ), suspects as (
        select s.key_id, s.least, coalesce(e.event_sequence, k.event_sequence, 0) as last
          from seen s
          left join public.sessions e on e.tenant_id = p_tenant and e.session_id = s.key_id
          left join public.event_keys k on k.tenant_id = p_tenant and k.key_id = s.key_id
         where s.events <> coalesce(e.event_sequence, k.event_sequence, 0) - s.least + 1
    )
    select 'event_missing', p_tenant, s.key_id::text,
           (s.last - s.least + 1) || ' of ' || s.least || ' to ' || s.last || ', found ' || c.events
             || ', different ' || c.numbers
      from suspects s
     cross join lateral (select count(*) as events, count(distinct o.sequence) as numbers
                           from public.outbox o
                          where o.tenant_id = p_tenant and o.key_id = s.key_id and o.sequence >= s.least) c
     where c.events <> s.last - s.least + 1 or c.numbers <> c.events;
    return query
    with seen as (
        select min(r.position) as least, count(*) as records
          from public.records r
         where r.tenant_id = p_tenant and r.record_id >= v_first
        having count(*) > 0
    ), suspects as (
        select s.least, n.record_position as last
          from seen s
          join public.tenants n on n.tenant_id = p_tenant
         where s.records <> n.record_position - s.least + 1
    )
    select 'record_missing', p_tenant, p_tenant::text,
           (s.last - s.least + 1) || ' of ' || s.least || ' to ' || s.last || ', found ' || c.records
             || ', different ' || c.positions
      from suspects s
     cross join lateral (select count(*) as records, count(distinct r.position) as positions
                           from public.records r
                          where r.tenant_id = p_tenant and r.position >= s.least) c
     where c.records <> s.last - s.least + 1 or c.positions <> c.records;
end $$;
