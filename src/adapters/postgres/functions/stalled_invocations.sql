-- Calls by themselves, of all tenants, that waited for a person and that nobody goes on with: they wait and
-- their time is over, or they were approved a lease ago and are not started.
-- Some cannot be started for now and are found again and again: so each tenant has one before any has two, and
-- which of a tenant's are found is left to chance.
-- Locks: none.
-- Definer: somagent_sweeper, which sees invocations that wait, are permitted or are started, and nothing else
-- of them.
create or replace function stalled_invocations(p_limit integer, p_lease interval)
    returns table (tenant_id uuid, invocation_id uuid)
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select d.tenant_id, d.invocation_id
      from (select s.tenant_id, s.invocation_id,
                   row_number() over (partition by s.tenant_id order by random()) as nth
              from (select i.tenant_id, i.invocation_id
                      from public.invocations i
                     where i.state = 1 and i.turn_id is null and i.expires_at <= clock_timestamp()
                     union all
                    select i.tenant_id, i.invocation_id
                      from public.invocations i
                     where i.state = 2 and i.turn_id is null
                       and i.decided_at < clock_timestamp() - p_lease) s) d
     order by d.nth, random()
     limit p_limit
$$;
