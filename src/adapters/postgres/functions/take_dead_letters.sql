-- Takes those of a tenant's dead letters that rest, to replay them: for p_lease nobody else may. Gives the
-- taken with their contents, in order, each with the version under which it is to be changed.
-- Locks: none of its own, lock_tenants comes first.
create or replace function take_dead_letters(
    p_locked uuid[], p_tenant uuid, p_letters uuid[], p_lease interval)
returns setof dead_letters language sql as $$
    with taken as (
        update dead_letters l
           set taken_until = clock_timestamp() + p_lease, version = l.version + 1
         where l.tenant_id = p_tenant and l.letter_id = any (p_letters) and l.state = 1
           and (l.taken_until is null or l.taken_until <= clock_timestamp())
        returning l.*
    )
    select * from taken order by letter_id
$$;
