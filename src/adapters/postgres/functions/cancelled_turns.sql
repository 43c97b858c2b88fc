-- Those of these turns that somebody has asked to cancel, and who.
create or replace function cancelled_turns(p_tenants uuid[], p_turns uuid[])
    returns table (turn_id uuid, requested_by text)
language plpgsql as $$
begin
    perform set_config('app.tenants', p_tenants::text, true);
    return query
        select c.turn_id, c.requested_by
          from unnest(p_tenants, p_turns) k(tenant, turn)
          join turn_cancellations c on c.tenant_id = k.tenant and c.turn_id = k.turn;
end $$;
