-- Lets a session take no more messages, and gives its unit back. A deleted one stays as it is.
-- Locks: lock_tenants comes first.
-- Outcomes: 0 DONE, 2 EARLIER (it was deleted before, or this was asked before), 3 KEY_REUSED,
-- 5 SESSION_BUSY (a turn is open), 7 NOT_FOUND.
create or replace function delete_session(
    p_locked uuid[], p_tenant uuid, p_session uuid, p_at timestamptz, p_method text, p_request text,
    p_digest bytea)
returns smallint language plpgsql as $$
declare
    v_known record;
    s       sessions;
begin
    select r.digest = p_digest as same into v_known from requests r
     where r.tenant_id = p_tenant and r.method = p_method and r.request_id = p_request;
    if not v_known.same then
        return 3;
    end if;
    select * into s from sessions where tenant_id = p_tenant and session_id = p_session;
    if s.session_id is null then
        return 7;
    elsif v_known.same or s.deleted_at is not null then
        return 2;
    elsif s.open_turn is not null then
        return 5;
    end if;
    perform known_request(p_tenant, p_method, p_request, p_digest, p_session::text);
    perform count_sessions(p_tenant, -1);
    update sessions set deleted_at = p_at where tenant_id = p_tenant and session_id = p_session;
    return 0;
end $$;
