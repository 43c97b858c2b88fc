-- Those of these turns that somebody watches from another server than p_server.
create or replace function watched_turns(p_server uuid, p_tenants uuid[], p_turns uuid[])
    returns table (turn_id uuid)
language plpgsql as $$
begin
    perform set_config('app.tenants', p_tenants::text, true);
    return query
        select distinct w.turn_id
          from unnest(p_tenants, p_turns) k(tenant, turn)
          join turn_watchers w on w.tenant_id = k.tenant and w.turn_id = k.turn
         where w.server_id <> p_server and w.until > clock_timestamp();
end $$;
