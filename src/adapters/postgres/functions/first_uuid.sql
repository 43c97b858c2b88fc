-- The least UUIDv7 of a moment: what was identified since then is not below it.
create or replace function first_uuid(p_at timestamptz) returns uuid
language sql immutable as $$
    select (overlay(lpad(to_hex((extract(epoch from p_at) * 1000)::bigint), 12, '0') placing '-' from 9 for 0)
            || '-0000-0000-000000000000')::uuid
$$;
