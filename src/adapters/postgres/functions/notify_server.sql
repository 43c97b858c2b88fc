-- Tells a server something about a turn, on the server's own channel.
create or replace function notify_server(p_server uuid, p_kind text, p_turn uuid) returns void
language sql as $$
    select pg_notify('server_' || replace(p_server::text, '-', ''), p_kind || ' ' || p_turn)
$$;
