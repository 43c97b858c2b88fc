-- What settlements in this order use beyond the limit in all (see overruns_of).
create or replace function overrun_of(p_remaining bigint, p_excesses bigint[]) returns bigint
language sql immutable as $$
    select coalesce(sum(overrun), 0)::bigint from overruns_of(p_remaining, p_excesses)
$$;
