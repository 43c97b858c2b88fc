-- The turns of a server that were promoted from a queue and that it does not drive yet.
-- With each its fence and what is left of its lease: what is read by another statement may be another server's.
-- left_ms is what is left until the deadline, by the database's clock; below 0 when it has passed.
-- Definer: somagent_sweeper, whose own policy shows it turns of every tenant that run or are paused.
create or replace function promoted_turns(p_owner uuid, p_limit integer)
    returns table (tenant_id uuid, turn_id uuid, fence bigint, lease_ms integer, left_ms bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select t.tenant_id, t.turn_id, t.fence, public.lease_left(t.lease_until),
           (extract(epoch from t.deadline_at - clock_timestamp()) * 1000)::bigint
      from public.turns t
     where t.awaits_driver and t.owner_id = p_owner and t.state = 2
     order by t.turn_id
     limit p_limit
$$;
