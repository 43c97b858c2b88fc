-- Keeps that p_by asks to cancel a turn (the first to ask is kept), and notifies the turn's driver.
-- Locks: none.
create or replace function cancel_turn(p_tenant uuid, p_turn uuid, p_by text)
returns void language plpgsql as $$
begin
    perform set_config('app.tenants', array[p_tenant]::text, true);
    insert into turn_cancellations (tenant_id, turn_id, requested_by, requested_at)
    values (p_tenant, p_turn, p_by, clock_timestamp())
        on conflict do nothing;
    perform notify_server(t.owner_id, 'cancel', p_turn)
       from turns t where t.tenant_id = p_tenant and t.turn_id = p_turn;
end $$;
