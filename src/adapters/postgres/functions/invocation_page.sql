-- A tenant's invocations, newest first: one by its identifier, or those older than another, of one state or
-- of any.
-- Sets app.tenant: for the login of requests, which sees this tenant only.
-- Locks: none.
create or replace function invocation_page(
    p_tenant uuid, p_invocation uuid, p_state smallint, p_after uuid, p_limit integer)
    returns setof invocations
language plpgsql as $$
begin
    perform set_config('app.tenant', p_tenant::text, true);
    if p_invocation is not null then
        return query
        select i.* from invocations i where i.tenant_id = p_tenant and i.invocation_id = p_invocation;
    elsif p_state = 1 then
        return query
        select i.* from invocations i
         where i.tenant_id = p_tenant and i.state = 1 and (p_after is null or i.invocation_id < p_after)
         order by i.invocation_id desc
         limit p_limit;
    else
        return query
        select i.* from invocations i
         where i.tenant_id = p_tenant and (p_state is null or i.state = p_state)
           and (p_after is null or i.invocation_id < p_after)
         order by i.invocation_id desc
         limit p_limit;
    end if;
end $$;
