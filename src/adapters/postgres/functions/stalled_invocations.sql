-- Calls by themselves, of all tenants, that waited for a person and that nobody goes on with: they wait and
-- their time is over, or they were approved a lease ago and are not started.
-- Some cannot be started for now and are found again and again: so each tenant has one before any has two, and
-- which of a tenant's are found is left to chance. Where they are more than 1,000, not all are looked at: of each
-- tenant p_limit behind a moment that chance picks, and the p_limit that were left longest ago.
-- Locks: none.
-- The setting keeps the planner to the order of indexes: what a limit leaves out must not be looked at.
-- Definer: somagent_sweeper, which sees invocations that wait, are permitted or are started, and nothing else
-- of them.
create or replace function stalled_invocations(p_limit integer, p_lease interval)
    returns table (tenant_id uuid, invocation_id uuid)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_sort = off as $$
declare
    v_now   timestamptz := clock_timestamp();
    v_lost  timestamptz := v_now - p_lease;
    v_first timestamptz;
    v_at    timestamptz;
begin
    if (select count(*) from (select from public.invocations i
                               where i.state in (1, 2) and i.turn_id is null
                                 and case when i.state = 1 then i.expires_at else i.decided_at end <= v_now
                               order by case when i.state = 1 then i.expires_at else i.decided_at end
                               limit 1001) f) <= 1000 then
        return query
        select d.tenant_id, d.invocation_id
          from (select i.tenant_id, i.invocation_id,
                       row_number() over (partition by i.tenant_id order by random()) as nth
                  from public.invocations i
                 where i.state in (1, 2) and i.turn_id is null
                   and case when i.state = 1 then i.expires_at else i.decided_at end <= v_now
                   and (i.state = 1 or i.decided_at < v_lost)) d
         order by d.nth, random()
         limit p_limit;
        return;
    end if;
    v_first := (select case when i.state = 1 then i.expires_at else i.decided_at end from public.invocations i
                 where i.state in (1, 2) and i.turn_id is null
                 order by case when i.state = 1 then i.expires_at else i.decided_at end limit 1);
    v_at := v_first + random() * (v_now - v_first);
    return query
    with recursive owners as (
        (select i.tenant_id from public.invocations i
          where i.state in (1, 2) and i.turn_id is null order by i.tenant_id limit 1)
         union all
        select (select i.tenant_id from public.invocations i
                 where i.state in (1, 2) and i.turn_id is null and i.tenant_id > o.tenant_id
                 order by i.tenant_id limit 1)
          from owners o
         where o.tenant_id is not null
    )
    select d.tenant_id, d.invocation_id
      from (select f.tenant_id, f.invocation_id,
                   row_number() over (partition by f.tenant_id order by random()) as nth
              from owners o
             cross join lateral (
                   (select i.tenant_id, i.invocation_id from public.invocations i
                     where i.tenant_id = o.tenant_id and i.state in (1, 2) and i.turn_id is null
                       and case when i.state = 1 then i.expires_at else i.decided_at end >= v_at
                       and case when i.state = 1 then i.expires_at else i.decided_at end <= v_now
                       and (i.state = 1 or i.decided_at < v_lost)
                     order by case when i.state = 1 then i.expires_at else i.decided_at end limit p_limit)
                    union all
                   (select i.tenant_id, i.invocation_id from public.invocations i
                     where i.tenant_id = o.tenant_id and i.state in (1, 2) and i.turn_id is null
                       and case when i.state = 1 then i.expires_at else i.decided_at end < v_at
                       and (i.state = 1 or i.decided_at < v_lost)
                     order by case when i.state = 1 then i.expires_at else i.decided_at end limit p_limit)) f) d
     order by d.nth, random()
     limit p_limit;
end $$;
