-- The paused turns of all tenants none of whose calls waits for a person any more: all were decided, or not in
-- time. Whoever resumes one first has it.
-- Some cannot go on for now and are found again and again: so each tenant has one before any has two, and
-- which of a tenant's are found is left to chance.
-- Definer: somagent_sweeper, whose own policies show it turns that run or are paused and calls that wait or
-- are started, of every tenant, and nothing else.
create or replace function decided_turns(p_limit integer)
    returns table (tenant_id uuid, turn_id uuid)
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select d.tenant_id, d.turn_id
      from (select t.tenant_id, t.turn_id,
                   row_number() over (partition by t.tenant_id order by random()) as nth
              from public.turns t
             where t.state = 3
               and not exists (select from public.invocations i
                                where i.tenant_id = t.tenant_id and i.turn_id = t.turn_id and i.state = 1
                                  and (i.expires_at is null or i.expires_at > clock_timestamp()))) d
     order by d.nth, random()
     limit p_limit
$$;
