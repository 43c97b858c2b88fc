-- Opens a session, once per request id, and counts it.
-- Locks: lock_tenants comes first.
-- Outcomes: 0 DONE, 2 EARLIER (known_session), 3 KEY_REUSED, 4 OVER_LIMIT (what was left).
create or replace function create_session(
    p_locked uuid[], p_tenant uuid, p_session uuid, p_capsule text, p_subject text, p_busy smallint,
    p_max_waiting integer, p_created timestamptz, p_method text, p_request text, p_digest bytea,
    out outcome smallint, out known_session uuid, out remaining bigint)
language plpgsql as $$
declare
    v_known record;
begin
    select * into v_known from known_request(p_tenant, p_method, p_request, p_digest, p_session::text);
    if v_known.same is not null then
        outcome := case when v_known.same then 2 else 3 end;
        known_session := v_known.resource::uuid;
        return;
    end if;
    remaining := count_sessions(p_tenant, 1);
    if remaining is not null then
        delete from requests where tenant_id = p_tenant and method = p_method and request_id = p_request;
        outcome := 4;
        return;
    end if;
    insert into sessions (tenant_id, session_id, capsule, subject, busy, max_waiting, created_at)
    values (p_tenant, p_session, p_capsule, p_subject, p_busy, p_max_waiting, p_created);
    outcome := 0;
end $$;
