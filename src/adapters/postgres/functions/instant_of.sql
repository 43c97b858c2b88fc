-- The moment that is so many microseconds after the first of January 2000, UTC: how PostgreSQL counts.
create or replace function instant_of(p_microseconds bigint) returns timestamptz
language sql immutable parallel safe as $$
    select timestamptz '2000-01-01 00:00:00+00' + p_microseconds * interval '1 microsecond'
$$;
