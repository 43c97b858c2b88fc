-- Ends a reservation that is held with what was used (see settle_holds), and publishes the facts of it. Its holds
-- are then those, too, that were added for what it had not held.
-- A metric is named once.
-- Locks: none of its own, lock_tenants comes first.
-- Returns the reservation's row as it is after this call, but its condition being the one before; nulls where
-- there is none.
create or replace function settle_reservation(
    p_locked uuid[], p_tenant uuid, p_reservation uuid,
    p_metrics smallint[], p_amounts bigint[], p_prices integer[],
    p_events uuid[], p_keys uuid[], p_types text[], p_traces text[], p_times bigint[], p_payloads bytea[],
    out condition smallint, out accounts uuid[], out metrics smallint[], out amounts bigint[],
    out expiry timestamptz, out used_metrics smallint[], out used_amounts bigint[], out overruns bigint[])
language plpgsql as $$
declare
    v_period date;
    v_step   integer;
    v_booked record;
begin
    select r.state, r.step, r.hold_period, r.hold_accounts, r.hold_metrics, r.hold_amounts, r.expires_at,
           r.used_metrics, r.used_amounts, r.overruns
      into condition, v_step, v_period, accounts, metrics, amounts, expiry,
           used_metrics, used_amounts, overruns
      from reservations r
     where r.tenant_id = p_tenant and r.reservation_id = p_reservation;
    if condition is distinct from 1 then
        return;
    end if;

    select * into v_booked
      from settle_holds(p_tenant, p_reservation, 1, v_step, v_period, accounts, metrics, amounts,
                        p_metrics, p_amounts, p_prices);
    overruns := v_booked.overruns;
    accounts := accounts || v_booked.added_accounts;
    metrics := metrics || v_booked.added_metrics;
    amounts := amounts || array_fill(0::bigint, array[cardinality(v_booked.added_metrics)]);
    used_metrics := p_metrics;
    used_amounts := p_amounts;
    update reservations r
       set state = 2, ended_at = clock_timestamp(), used_metrics = p_metrics, used_amounts = p_amounts,
           hold_accounts = settle_reservation.accounts, hold_metrics = settle_reservation.metrics,
           hold_amounts = settle_reservation.amounts, overruns = settle_reservation.overruns
     where r.tenant_id = p_tenant and r.reservation_id = p_reservation;
    perform publish_facts(p_tenant, p_events, p_keys, p_types, p_traces, p_times, p_payloads);
end $$;
