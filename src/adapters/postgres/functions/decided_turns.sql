-- The paused turns of all tenants none of whose calls waits for a person any more: all were decided, or not in
-- time. Whoever resumes one first has it.
-- Some cannot go on for now and are found again and again: so each tenant has one before any has two, and
-- which of a tenant's are found is left to chance. Where they are more than 1,000, not all are looked at: of each
-- tenant p_limit behind a moment that chance picks, and the p_limit that have been free for longest.
-- The setting keeps the planner to the order of indexes: what a limit leaves out must not be looked at.
-- Definer: somagent_sweeper, whose own policies show it turns that run or are paused and calls that wait or
-- are started, of every tenant, and nothing else.
create or replace function decided_turns(p_limit integer)
    returns table (tenant_id uuid, turn_id uuid)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_sort = off as $$
declare
    v_now   timestamptz := clock_timestamp();
    v_first timestamptz;
    v_at    timestamptz;
begin
    return query
    select t.tenant_id, t.turn_id
      from public.turns t
     where t.state = 3 and t.waits_until is null
       and not exists (select from public.invocations i
                        where i.tenant_id = t.tenant_id and i.turn_id = t.turn_id and i.state = 1
                          and (i.expires_at is null or i.expires_at > v_now))
     limit p_limit;

    if (select count(*) from (select from public.turns t
                               where t.state = 3 and t.waits_until <= v_now
                               order by t.waits_until limit 1001) f) <= 1000 then
        return query
        select d.tenant_id, d.turn_id
          from (select t.tenant_id, t.turn_id,
                       row_number() over (partition by t.tenant_id order by random()) as nth
                  from public.turns t
                 where t.state = 3 and t.waits_until <= v_now) d
         order by d.nth, random()
         limit p_limit;
        return;
    end if;
    v_first := (select t.waits_until from public.turns t where t.state = 3 order by t.waits_until limit 1);
    v_at := v_first + random() * (v_now - v_first);
    return query
    with recursive owners as (
        (select t.tenant_id from public.turns t where t.state = 3 order by t.tenant_id limit 1)
         union all
        select (select t.tenant_id from public.turns t
                 where t.state = 3 and t.tenant_id > o.tenant_id order by t.tenant_id limit 1)
          from owners o
         where o.tenant_id is not null
    )
    select d.tenant_id, d.turn_id
      from (select f.tenant_id, f.turn_id,
                   row_number() over (partition by f.tenant_id order by random()) as nth
              from owners o
             cross join lateral (
                   (select t.tenant_id, t.turn_id from public.turns t
                     where t.tenant_id = o.tenant_id and t.state = 3
                       and t.waits_until >= v_at and t.waits_until <= v_now
                     order by t.waits_until limit p_limit)
                    union all
                   (select t.tenant_id, t.turn_id from public.turns t
                     where t.tenant_id = o.tenant_id and t.state = 3 and t.waits_until < v_at
                     order by t.waits_until limit p_limit)) f) d
     order by d.nth, random()
     limit p_limit;
end $$;
