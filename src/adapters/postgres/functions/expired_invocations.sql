-- Calls by themselves, of all tenants, that were started and whose lease has run out, the longest first.
-- Locks: none.
-- Definer: somagent_sweeper, which sees started invocations and nothing else of them.
create or replace function expired_invocations(p_limit integer)
    returns table (tenant_id uuid, invocation_id uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select i.tenant_id, i.invocation_id
      from public.invocations i
     where i.state = 3 and i.turn_id is null and i.lease_until < clock_timestamp()
     order by i.lease_until
     limit p_limit
$$;
