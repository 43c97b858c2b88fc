-- Keeps for a while that somebody watches a turn from p_server, and notifies the turn's driver, once.
-- Locks: none.
create or replace function watch_turn(p_tenant uuid, p_turn uuid, p_server uuid, p_lifetime interval)
returns void language plpgsql as $$
declare
    v_new boolean;
begin
    perform set_config('app.tenants', array[p_tenant]::text, true);
    delete from turn_watchers where tenant_id = p_tenant and until < clock_timestamp();
    insert into turn_watchers (tenant_id, turn_id, server_id, until)
    values (p_tenant, p_turn, p_server, clock_timestamp() + p_lifetime)
        on conflict (tenant_id, turn_id, server_id) do update set until = excluded.until
    returning old.until is null into v_new;
    if v_new then
        perform notify_server(t.owner_id, 'watch', p_turn)
           from turns t where t.tenant_id = p_tenant and t.turn_id = p_turn;
    end if;
end $$;
