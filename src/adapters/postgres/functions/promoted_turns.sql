-- The turns of a server that were promoted from a queue and that it does not drive yet.
-- Definer: somagent_sweeper, whose own policy shows it turns of every tenant that run or are paused.
create or replace function promoted_turns(p_owner uuid, p_limit integer)
    returns table (tenant_id uuid, turn_id uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select t.tenant_id, t.turn_id
      from public.turns t
     where t.awaits_driver and t.owner_id = p_owner and t.state = 2
     order by t.turn_id
     limit p_limit
$$;
