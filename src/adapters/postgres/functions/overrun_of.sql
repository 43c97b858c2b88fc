-- What settlements in this order use beyond the limit. An excess is what one used more than it held
-- (negative: less); p_remaining is what the account had left before the first (negative: overrun already;
-- null: unlimited).
create or replace function overrun_of(p_remaining bigint, p_excesses bigint[]) returns bigint
language sql immutable as $$
    select coalesce(sum(greatest(0, excess - greatest(0, p_remaining - before))), 0)::bigint
      from (select excess, coalesce(sum(excess) over (order by place rows between unbounded preceding
                                                                          and 1 preceding), 0) as before
              from unnest(p_excesses) with ordinality e(excess, place)) settlements
     where p_remaining is not null
$$;
