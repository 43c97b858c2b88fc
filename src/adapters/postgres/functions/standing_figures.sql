-- Figures of all tenants that alarms are set on: findings that are not repaired by kind, overrun of this month
-- in tenants' own accounts by metric, and how many records (10,000 are counted) wait for a seal, and how long.
-- Locks: none.
-- Definer: somagent_reconciler.
create or replace function standing_figures()
    returns table (figure text, label text, value double precision)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select 'findings', f.kind, count(*)::double precision
      from public.findings f where not f.repaired group by f.kind
    union all
    select 'overrun', a.metric::text, sum(a.overrun)::double precision
      from public.accounts a
     where a.overrun > 0 and a.account_id = a.tenant_id
       and a.period = date_trunc('month', clock_timestamp() at time zone 'UTC')::date
     group by a.metric
    union all
    select s.figure, '', s.value
      from (select count(*)::double precision as waiting,
                   coalesce(extract(epoch from clock_timestamp() - min(u.created_at)), 0)::double precision as age
              from (select r.created_at from public.records r
                     where r.seal is null order by r.tenant_id, r.position limit 10000) u) w
     cross join lateral (values ('unsealed', w.waiting), ('oldest_unsealed', w.age)) s(figure, value)
$$;
