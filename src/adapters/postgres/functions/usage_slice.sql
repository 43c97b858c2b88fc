-- Turns of a tenant are looked at some at a time: where a slice begins that holds turns of p_since ago and later
-- (or, with p_from, where the given one does), and before which turn it ends, null where it is the last.
-- Definer: somagent_reconciler.
create or replace function usage_slice(
    p_tenant uuid, p_from uuid, p_since interval, p_limit integer, out first uuid, out after uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select f.first,
           (select t.turn_id from public.turns t
             where t.tenant_id = p_tenant and t.turn_id >= f.first
             order by t.turn_id offset p_limit limit 1)
      from coalesce(p_from, public.first_uuid(clock_timestamp() - p_since)) f(first)
$$;
