-- A tenant's invocations, newest first: one by its identifier, or those older than another, of one state or
-- of any; each with the session of its turn, where it has one that is still kept.
-- Sets app.tenant: for the login of requests, which sees this tenant only.
-- Locks: none.
create or replace function invocation_page(
    p_tenant uuid, p_invocation uuid, p_state smallint, p_after uuid, p_limit integer)
    returns table (session uuid, invocation invocations)
language plpgsql as $$
begin
    perform set_config('app.tenant', p_tenant::text, true);
    if p_invocation is not null then
        return query
        select t.session_id, i
          from invocations i
          left join turns t on t.tenant_id = i.tenant_id and t.turn_id = i.turn_id
         where i.tenant_id = p_tenant and i.invocation_id = p_invocation;
    elsif p_state <> 4 then
        -- All that have not succeeded are in one index, which a state that is a parameter does not find.
        return query execute format(
            'select t.session_id, f.found
               from (select i as found, i.turn_id, i.invocation_id from invocations i
                      where i.tenant_id = $1 and i.state = %s and ($2 is null or i.invocation_id < $2)
                      order by i.invocation_id desc limit $3) f
               left join turns t on t.tenant_id = $1 and t.turn_id = f.turn_id
              order by f.invocation_id desc', p_state)
        using p_tenant, p_after, p_limit;
    else
        return query
        select t.session_id, f.found
          from (select i as found, i.turn_id, i.invocation_id from invocations i
                 where i.tenant_id = p_tenant and (p_state is null or i.state = p_state)
                   and (p_after is null or i.invocation_id < p_after)
                 order by i.invocation_id desc limit p_limit) f
          left join turns t on t.tenant_id = p_tenant and t.turn_id = f.turn_id
         order by f.invocation_id desc;
    end if;
end $$;
