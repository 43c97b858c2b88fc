-- Gives a relay's buckets back: it is one no longer.
-- Locks: its buckets, then its own row.
-- Definer: somagent_relay.
create or replace function leave_buckets(p_relay uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    update public.relay_buckets b set owner_id = null, lease_until = null where b.owner_id = p_relay;
    delete from public.relays r where r.relay_id = p_relay;
$$;
