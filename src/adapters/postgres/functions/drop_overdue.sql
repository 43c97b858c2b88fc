-- Deletes what was kept long enough, of the next p_tenants tenants in order after p_after: request ids of
-- mutations and of calls of tools, wishes to cancel, reservations that have ended, dead letters that were
-- replayed or discarded, and request ids of messages in sessions that are deleted; of each at most p_rows rows.
-- Answers the last of these tenants (null when there are none left, or when another server is at it),
-- whether there may be more to delete of them, and how many rows were deleted.
-- Locks: none that anybody waits for: nobody writes what is deleted here, nor a session once it is deleted.
-- Definer: somagent_sweeper, whose own policies show it nothing of all this that is younger than a day.
create or replace function drop_overdue(
    p_after uuid, p_tenants integer, p_rows integer, p_requests interval, p_reservations interval,
    p_sessions interval, p_letters interval, out last_tenant uuid, out more boolean,
    out dropped integer)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_now      timestamptz := clock_timestamp();
    v_count    integer;
    v_tenants  uuid[];
    v_sessions uuid[];
    v_owners   uuid[];
begin
    if not pg_try_advisory_xact_lock(hashtext('drop_overdue')) then
        return;
    end if;
    more := false;
    dropped := 0;
    v_tenants := array(select t.tenant_id from public.tenants t
                        where p_after is null or t.tenant_id > p_after order by t.tenant_id limit p_tenants);
    last_tenant := v_tenants[cardinality(v_tenants)];

    delete from public.requests r
     using (select k.tenant, o.method, o.request_id
              from unnest(v_tenants) k(tenant)
             cross join lateral (select q.method, q.request_id from public.requests q
                                  where q.tenant_id = k.tenant and q.created_at < v_now - p_requests
                                  order by q.created_at limit p_rows) o
             limit p_rows) o
     where r.tenant_id = o.tenant and r.method = o.method and r.request_id = o.request_id;
    get diagnostics v_count = row_count;
    dropped := dropped + v_count;
    more := more or v_count >= p_rows;

    delete from public.invocation_requests r
     using (select k.tenant, o.request_id
              from unnest(v_tenants) k(tenant)
             cross join lateral (select q.request_id from public.invocation_requests q
                                  where q.tenant_id = k.tenant and q.created_at < v_now - p_requests
                                  order by q.created_at limit p_rows) o
             limit p_rows) o
     where r.tenant_id = o.tenant and r.request_id = o.request_id;
    get diagnostics v_count = row_count;
    dropped := dropped + v_count;
    more := more or v_count >= p_rows;

    delete from public.turn_cancellations c
     using (select k.tenant, o.turn_id
              from unnest(v_tenants) k(tenant)
             cross join lateral (select q.turn_id from public.turn_cancellations q
                                  where q.tenant_id = k.tenant and q.requested_at < v_now - p_requests
                                  order by q.requested_at limit p_rows) o
             limit p_rows) o
     where c.tenant_id = o.tenant and c.turn_id = o.turn_id;
    get diagnostics v_count = row_count;
    dropped := dropped + v_count;
    more := more or v_count >= p_rows;

    delete from public.reservations r
     using (select k.tenant, o.reservation_id
              from unnest(v_tenants) k(tenant)
             cross join lateral (select q.reservation_id from public.reservations q
                                  where q.tenant_id = k.tenant and q.ended_at < v_now - p_reservations
                                  order by q.ended_at limit p_rows) o
             limit p_rows) o
     where r.tenant_id = o.tenant and r.reservation_id = o.reservation_id;
    get diagnostics v_count = row_count;
    dropped := dropped + v_count;
    more := more or v_count >= p_rows;

    delete from public.dead_letters l
     using (select k.tenant, o.letter_id
              from unnest(v_tenants) k(tenant)
             cross join lateral (select q.letter_id from public.dead_letters q
                                  where q.tenant_id = k.tenant and q.settled_at < v_now - p_letters
                                  order by q.settled_at limit p_rows) o
             limit p_rows) o
     where l.tenant_id = o.tenant and l.letter_id = o.letter_id;
    get diagnostics v_count = row_count;
    dropped := dropped + v_count;
    more := more or v_count >= p_rows;

    select array_agg(k.tenant), array_agg(o.session_id) into v_owners, v_sessions
      from (select tenant from unnest(v_tenants) tenant) k
     cross join lateral (select s.session_id from public.sessions s
                          where s.tenant_id = k.tenant and s.deleted_at < v_now - p_sessions
                            and not s.requests_dropped
                          order by s.deleted_at limit 16) o;
    delete from public.turn_requests r
     using (select k.tenant, k.session, o.request_id
              from unnest(v_owners, v_sessions) k(tenant, session)
             cross join lateral (select q.request_id from public.turn_requests q
                                  where q.tenant_id = k.tenant and q.session_id = k.session
                                  limit p_rows) o
             limit p_rows) o
     where r.tenant_id = o.tenant and r.session_id = o.session and r.request_id = o.request_id;
    get diagnostics v_count = row_count;
    dropped := dropped + v_count;
    update public.sessions s set requests_dropped = true
      from unnest(v_owners, v_sessions) k(tenant, session)
     where s.tenant_id = k.tenant and s.session_id = k.session
       and not exists (select from public.turn_requests q
                        where q.tenant_id = k.tenant and q.session_id = k.session);
    more := more or v_sessions is not null;
end $$;
