-- What used anything of a tenant's is looked at some at a time: where a slice begins that holds what was identified
-- p_since ago and later (or, with p_from, where the given one does), and before which identifier it ends, an hour
-- and p_limit of them later at most; null where it is the last.
-- Definer: somagent_reconciler.
create or replace function usage_slice(
    p_tenant uuid, p_from uuid, p_since interval, p_limit integer, out first uuid, out after uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select f.first,
           least((select distinct l.reference_id from public.ledger l
                   where l.tenant_id = p_tenant and l.reference_id >= f.first
                   order by l.reference_id offset p_limit limit 1),
                 case when h.later < clock_timestamp() then public.first_uuid(h.later) end)
      from coalesce(p_from, public.first_uuid(clock_timestamp() - p_since)) f(first),
           -- The least identifier of a moment is of no version, and PostgreSQL reads no time from it.
           lateral (select to_timestamp(
                        ('x' || translate(left(f.first::text, 13), '-', ''))::bit(48)::bigint / 1000.0)
                        + interval '1 hour') h(later)
$$;
