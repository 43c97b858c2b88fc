-- Holds more for a reservation that is held, in its period: its next step, and no other, does something.
-- Locks: none of its own, lock_tenants comes first.
-- Returns the reservation's row and the step that was its last before this call; with the hold that was
-- refused, if one was (see take_holds); nulls where there is no such reservation.
create or replace function extend_reservation(
    p_locked uuid[], p_tenant uuid, p_reservation uuid, p_step integer,
    p_accounts uuid[], p_metrics smallint[], p_amounts bigint[], p_required boolean[],
    out refused integer, out remaining bigint, out taken integer,
    out condition smallint, out accounts uuid[], out metrics smallint[], out amounts bigint[],
    out expiry timestamptz)
language plpgsql as $$
declare
    v_period date;
    v_more   record;
begin
    select r.step, r.state, r.hold_period, r.hold_accounts, r.hold_metrics, r.hold_amounts, r.expires_at
      into taken, condition, v_period, accounts, metrics, amounts, expiry
      from reservations r
     where r.tenant_id = p_tenant and r.reservation_id = p_reservation;
    if condition is distinct from 1 or p_step is distinct from taken + 1 then
        return;
    end if;
    select * into v_more
      from take_holds(p_tenant, v_period, p_accounts, p_metrics, p_amounts, p_required);
    refused := v_more.refused;
    remaining := v_more.remaining;
    if refused is not null then
        return;
    end if;

    select coalesce(array_agg(h.account order by h.first), '{}'),
           coalesce(array_agg(h.metric order by h.first), '{}'),
           coalesce(array_agg(h.amount order by h.first), '{}')
      into accounts, metrics, amounts
      from (select l.account, l.metric, sum(l.amount)::bigint as amount, min(l.place) as first
              from unnest(accounts || v_more.accounts, metrics || v_more.metrics,
                          amounts || v_more.amounts) with ordinality l(account, metric, amount, place)
             group by l.account, l.metric) h;
    update reservations r
       set step = p_step, hold_accounts = accounts, hold_metrics = metrics, hold_amounts = amounts
     where r.tenant_id = p_tenant and r.reservation_id = p_reservation;
end $$;
