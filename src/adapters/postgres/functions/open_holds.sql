-- What the open turns and reservations of a tenant hold, in all. Turns that wait are found by their sessions.
-- What runs or is reserved is looked through for all tenants (hence `offset 0`): it is little beside all that one
-- tenant ever had, which the planner would rather look through.
-- Locks: none.
-- Definer: somagent_reconciler.
create or replace function open_holds(p_tenant uuid)
    returns table (account_id uuid, metric smallint, period date, amount bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    with open as (
        select t.session_id, t.hold_period, t.hold_accounts, t.hold_metrics, t.hold_amounts
          from (select * from public.turns r where r.state = 2 offset 0) t
         where t.tenant_id = p_tenant
        union all
        select t.session_id, t.hold_period, t.hold_accounts, t.hold_metrics, t.hold_amounts
          from public.turns t
         where t.state = 3 and t.tenant_id = p_tenant
    ), holding as (
        select hold_period, hold_accounts, hold_metrics, hold_amounts from open
        union all
        select t.hold_period, t.hold_accounts, t.hold_metrics, t.hold_amounts
          from (select distinct session_id from open) o
          join public.sessions s on s.tenant_id = p_tenant and s.session_id = o.session_id
         cross join unnest(s.waiting) w(turn)
          join public.turns t on t.tenant_id = p_tenant and t.turn_id = w.turn
        union all
        select r.hold_period, r.hold_accounts, r.hold_metrics, r.hold_amounts
          from (select * from public.reservations h where h.state = 1 offset 0) r
         where r.tenant_id = p_tenant
    )
    select h.account, h.metric, o.hold_period, sum(h.amount)::bigint
      from holding o, unnest(o.hold_accounts, o.hold_metrics, o.hold_amounts) h(account, metric, amount)
     group by h.account, h.metric, o.hold_period
$$;
