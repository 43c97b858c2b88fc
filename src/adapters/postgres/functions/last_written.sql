-- The last number that a written event of the turn stands for; 0 when there is none.
create or replace function last_written(p_tenant uuid, p_turn uuid) returns bigint
language sql stable as $$
    select coalesce((select last_sequence from turn_events
                      where tenant_id = p_tenant and turn_id = p_turn
                      order by first_sequence desc limit 1), 0)
$$;
