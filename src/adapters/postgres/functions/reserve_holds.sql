-- Makes a reservation by itself, once per request id: each hold fits its account, or nothing is done.
-- A request id that is known answers with its reservation, as it is now.
-- Locks: none of its own, lock_tenants comes first.
-- Returns the reservation's row, or the hold that was refused (see grant_holds).
create or replace function reserve_holds(
    p_locked uuid[], p_tenant uuid, p_reservation uuid, p_request text, p_digest bytea, p_lifetime interval,
    p_accounts uuid[], p_metrics smallint[], p_amounts bigint[], p_required boolean[],
    out refused_hold integer, out remaining bigint, out reservation_id uuid, out digest bytea,
    out state smallint, out accounts uuid[], out metrics smallint[], out amounts bigint[],
    out expires_at timestamptz)
language plpgsql as $$
declare
    v_now    timestamptz := clock_timestamp();
    v_period date        := date_trunc('month', v_now at time zone 'UTC');
    v_bound  integer[];
begin
    if not exists (select from reservations r
                    where r.tenant_id = p_tenant and r.request_id = p_request) then
        select g.bound, g.refused_hold, g.remaining into v_bound, refused_hold, remaining
          from grant_holds(p_tenant, v_period, p_accounts, p_metrics, p_amounts, p_required) g;
        if refused_hold is not null then
            return;
        end if;
        insert into reservations (tenant_id, reservation_id, request_id, digest, state, hold_period,
                                  hold_accounts, hold_metrics, hold_amounts, created_at, expires_at)
        select p_tenant, p_reservation, p_request, p_digest, 1, v_period,
               coalesce(array_agg(p_accounts[place] order by place), '{}'),
               coalesce(array_agg(p_metrics[place] order by place), '{}'),
               coalesce(array_agg(p_amounts[place] order by place), '{}'), v_now, v_now + p_lifetime
          from unnest(v_bound) place;
    end if;

    select r.reservation_id, r.digest, r.state, r.hold_accounts, r.hold_metrics, r.hold_amounts, r.expires_at
      into reservation_id, digest, state, accounts, metrics, amounts, expires_at
      from reservations r
     where r.tenant_id = p_tenant and r.request_id = p_request;
end $$;
