-- What a turn keeps as bytes beside its row: the decision trace, what it has done so far; and the
-- last number that is written of its events. No row when there is no such turn.
-- Sees the tenant it sets; no locks.
create or replace function read_stored(p_tenant uuid, p_turn uuid)
    returns table (trace bytea, checkpoint bytea, last_written bigint)
language plpgsql as $$
begin
    perform set_config('app.tenant', p_tenant::text, true);
    return query
        select coalesce(t.trace, ''), coalesce(t.checkpoint, ''), last_written(p_tenant, p_turn)
          from turns t where t.tenant_id = p_tenant and t.turn_id = p_turn;
end $$;
