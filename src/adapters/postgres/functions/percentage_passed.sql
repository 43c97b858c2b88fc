-- The highest percentage of a limit, of those that are announced, that was reached; 0 for none.
create or replace function percentage_passed(p_limit bigint, p_spent bigint) returns smallint
language sql immutable as $$
    select case when p_limit is null or p_spent = 0 then 0
                when p_spent * 100 >= p_limit * 95 then 95
                when p_spent * 100 >= p_limit * 80 then 80
                else 0 end::smallint
$$;
