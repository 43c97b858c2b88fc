-- Gives back what a reservation holds, if it is held; with p_expired only if its time is over.
-- Locks: none of its own, lock_tenants comes first.
-- Returns the reservation's row, its condition being the one before this call, and whether this call gave
-- it back; nulls where there is none.
create or replace function release_reservation(
    p_locked uuid[], p_tenant uuid, p_reservation uuid, p_expired boolean,
    out released boolean, out condition smallint, out accounts uuid[], out metrics smallint[],
    out amounts bigint[], out expiry timestamptz)
language plpgsql as $$
declare
    v_now    timestamptz := clock_timestamp();
    v_period date;
begin
    select r.state, r.hold_period, r.hold_accounts, r.hold_metrics, r.hold_amounts, r.expires_at
      into condition, v_period, accounts, metrics, amounts, expiry
      from reservations r
     where r.tenant_id = p_tenant and r.reservation_id = p_reservation;
    released := condition = 1 and (not p_expired or expiry < v_now);
    if released is not true then
        return;
    end if;

    update accounts a set held = a.held - h.amount
      from unnest(accounts, metrics, amounts) h(account, metric, amount)
     where a.tenant_id = p_tenant and a.account_id = h.account and a.metric = h.metric
       and a.period = v_period;
    update reservations r set state = 3, ended_at = v_now
     where r.tenant_id = p_tenant and r.reservation_id = p_reservation;
end $$;
