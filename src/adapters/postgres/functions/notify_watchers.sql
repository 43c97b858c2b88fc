-- Tells the servers other than p_server from which these turns are watched that events were committed.
create or replace function notify_watchers(p_server uuid, p_tenants uuid[], p_turns uuid[]) returns void
language plpgsql as $$
begin
    perform set_config('app.tenants', p_tenants::text, true);
    perform notify_server(w.server_id, 'written', w.turn_id)
       from unnest(p_tenants, p_turns) k(tenant, turn)
       join turn_watchers w on w.tenant_id = k.tenant and w.turn_id = k.turn
      where w.server_id <> p_server and w.until > clock_timestamp();
end $$;
