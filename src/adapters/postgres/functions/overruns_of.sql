-- What each of several settlements in this order uses beyond the limit. An excess is what one used more than it
-- held (negative: less); p_remaining is what the account had left before the first (negative: overrun already;
-- null: unlimited, no rows).
create or replace function overruns_of(p_remaining bigint, p_excesses bigint[])
    returns table (place bigint, overrun bigint)
language sql immutable as $$
    select settlement, greatest(0, excess - greatest(0, p_remaining - before))::bigint
      from (select settlement, excess,
                   coalesce(sum(excess) over (order by settlement rows between unbounded preceding
                                                                          and 1 preceding), 0) as before
              from unnest(p_excesses) with ordinality e(excess, settlement)) settlements
     where p_remaining is not null
$$;
