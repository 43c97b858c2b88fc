-- Holds more for a reservation that is held, in its period: its next step, and no other, does something.
-- Locks: none of its own, lock_tenants comes first.
-- Returns the reservation's row and the step that was its last before this call; or the hold that was
-- refused (see grant_holds); or nulls where there is no such reservation.
create or replace function extend_reservation(
    p_locked uuid[], p_tenant uuid, p_reservation uuid, p_step integer,
    p_accounts uuid[], p_metrics smallint[], p_amounts bigint[], p_required boolean[],
    out refused_hold integer, out remaining bigint, out taken integer,
    out state smallint, out accounts uuid[], out metrics smallint[], out amounts bigint[],
    out expires_at timestamptz)
language plpgsql as $$
declare
    v_period date;
    v_bound  integer[];
begin
    select r.step, r.state, r.hold_period, r.hold_accounts, r.hold_metrics, r.hold_amounts, r.expires_at
      into taken, state, v_period, accounts, metrics, amounts, expires_at
      from reservations r
     where r.tenant_id = p_tenant and r.reservation_id = p_reservation;
    if state is distinct from 1 or p_step <> taken + 1 then
        return;
    end if;
    select g.bound, g.refused_hold, g.remaining into v_bound, refused_hold, remaining
      from grant_holds(p_tenant, v_period, p_accounts, p_metrics, p_amounts, p_required) g;
    if refused_hold is not null then
        return;
    end if;

    select coalesce(array_agg(account order by first), '{}'),
           coalesce(array_agg(metric order by first), '{}'),
           coalesce(array_agg(amount order by first), '{}')
      into accounts, metrics, amounts
      from (select account, metric, sum(amount)::bigint as amount, min(place) as first
              from (select * from unnest(accounts, metrics, amounts) with ordinality
                                  h(account, metric, amount, place)
                     union all
                    select p_accounts[place], p_metrics[place], p_amounts[place],
                           cardinality(accounts) + place
                      from unnest(v_bound) place) lines
             group by account, metric) merged;
    update reservations r
       set step = p_step, hold_accounts = accounts, hold_metrics = metrics, hold_amounts = amounts
     where r.tenant_id = p_tenant and r.reservation_id = p_reservation;
end $$;
