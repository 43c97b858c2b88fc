-- Turns of a tenant, accepted since p_since ago (null: all), that have ended without a record, and their calls
-- that are started nevertheless; calls since then whose turn is not there.
-- The settings keep the planner to each turn's own rows: whatever else the tenant has must not be looked at.
-- Locks: none.
-- Definer: somagent_reconciler.
create or replace function faulty_turns(p_tenant uuid, p_since interval)
    returns table (kind text, tenant uuid, reference text, detail text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off as $$
declare
    v_first uuid := coalesce(public.first_uuid(clock_timestamp() - p_since),
                             '00000000-0000-0000-0000-000000000000');
begin
    return query
    select 'turn_unrecorded', p_tenant, t.turn_id::text, 'state ' || t.state
      from public.turns t
     where t.tenant_id = p_tenant and t.turn_id >= v_first and t.state in (4, 5, 6)
       and not exists (select from public.records r where r.tenant_id = p_tenant and r.record_id = t.record_id);
    return query
    select case when t.turn_id is null then 'call_without_turn' else 'call_unended' end, p_tenant,
           i.invocation_id::text, 'turn ' || i.turn_id || ', state ' || i.state
      from public.invocations i
      left join public.turns t on t.tenant_id = p_tenant and t.turn_id = i.turn_id
     where i.tenant_id = p_tenant and i.invocation_id >= v_first and i.turn_id is not null
       and (t.turn_id is null or i.state = 3 and t.state in (4, 5, 6));
end $$;
