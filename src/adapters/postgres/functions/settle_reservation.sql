-- Ends a reservation that is held with what was used: each hold settles by the use of its metric, into its
-- own period, and never fails: what exceeds the limit is overrun. A ledger line for each use.
-- A metric is named once.
-- Locks: none of its own, lock_tenants comes first.
-- Returns the reservation's row, its state being the one before this call; nulls where there is none.
create or replace function settle_reservation(
    p_locked uuid[], p_tenant uuid, p_reservation uuid,
    p_metrics smallint[], p_amounts bigint[], p_prices integer[],
    out state smallint, out accounts uuid[], out metrics smallint[], out amounts bigint[],
    out expires_at timestamptz)
language plpgsql as $$
declare
    v_now    timestamptz := clock_timestamp();
    v_period date;
    v_step   integer;
begin
    select r.state, r.step, r.hold_period, r.hold_accounts, r.hold_metrics, r.hold_amounts, r.expires_at
      into state, v_step, v_period, accounts, metrics, amounts, expires_at
      from reservations r
     where r.tenant_id = p_tenant and r.reservation_id = p_reservation;
    if state is distinct from 1 then
        return;
    end if;

    update reservations r set state = 2, ended_at = v_now
     where r.tenant_id = p_tenant and r.reservation_id = p_reservation;
    update accounts a
       set held = a.held - n.held, spent = a.spent + n.used,
           overrun = a.overrun + overrun_of(a.limit_amount - a.spent - a.held, array[n.used - n.held]),
           warned = greatest(a.warned, percentage_passed(a.limit_amount, a.spent + n.used))
      from (select h.account, h.metric, h.amount as held, coalesce(u.amount, 0) as used
              from unnest(accounts, metrics, amounts) h(account, metric, amount)
              left join unnest(p_metrics, p_amounts) u(metric, amount) on u.metric = h.metric) n
     where a.tenant_id = p_tenant and a.account_id = n.account and a.metric = n.metric
       and a.period = v_period;
    insert into ledger (tenant_id, reference_id, step, metric, amount, price_version, round, period,
                        accounts, created_at)
    select p_tenant, p_reservation, 1, u.metric, u.amount, u.price, v_step, v_period,
           array(select h.account from unnest(accounts, metrics) h(account, metric)
                  where h.metric = u.metric), v_now
      from unnest(p_metrics, p_amounts, p_prices) u(metric, amount, price);
end $$;
