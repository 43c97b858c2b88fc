-- Makes a reservation by itself in the present period, once per request id: each hold that binds fits its
-- account, or nothing is done. A request id that is known answers with its reservation, as it is now.
-- Locks: none of its own, lock_tenants comes first.
-- Returns the reservation's row, or the hold that was refused (see take_holds).
create or replace function reserve_holds(
    p_locked uuid[], p_tenant uuid, p_reservation uuid, p_request text, p_digest bytea, p_lifetime interval,
    p_accounts uuid[], p_metrics smallint[], p_amounts bigint[], p_required boolean[],
    out refused integer, out remaining bigint, out reservation uuid, out content bytea,
    out condition smallint, out accounts uuid[], out metrics smallint[], out amounts bigint[],
    out expiry timestamptz, out used_metrics smallint[], out used_amounts bigint[], out overruns bigint[])
language plpgsql as $$
declare
    v_now    timestamptz := clock_timestamp();
    v_period date;
begin
    select r.reservation_id, r.digest, r.state, r.hold_accounts, r.hold_metrics, r.hold_amounts, r.expires_at,
           r.used_metrics, r.used_amounts, r.overruns
      into reservation, content, condition, accounts, metrics, amounts, expiry,
           used_metrics, used_amounts, overruns
      from reservations r
     where r.tenant_id = p_tenant and r.request_id = p_request;
    if reservation is not null then
        return;
    end if;
    select n.period into v_period from tenants n where n.tenant_id = p_tenant;
    select t.refused, t.remaining, t.accounts, t.metrics, t.amounts
      into refused, remaining, accounts, metrics, amounts
      from take_holds(p_tenant, v_period, p_accounts, p_metrics, p_amounts, p_required) t;
    if refused is not null then
        return;
    end if;

    reservation := p_reservation;
    content := p_digest;
    condition := 1;
    expiry := v_now + p_lifetime;
    insert into reservations (tenant_id, reservation_id, request_id, digest, state, hold_period,
                              hold_accounts, hold_metrics, hold_amounts, created_at, expires_at)
    values (p_tenant, p_reservation, p_request, p_digest, 1, v_period, accounts, metrics, amounts, v_now,
            expiry);
end $$;
