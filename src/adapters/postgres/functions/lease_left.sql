-- The milliseconds that are left of a lease, for the driver's monotonic clock; 0 without one.
create or replace function lease_left(p_until timestamptz) returns integer
language sql volatile as $$
    select greatest(0, coalesce(extract(epoch from p_until - clock_timestamp()) * 1000, 0))::integer
$$;
