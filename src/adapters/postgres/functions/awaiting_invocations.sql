-- A tenant's invocations that wait for a decision and may still get one, oldest first, newer than another.
-- Sets app.tenant: for the login of requests, which sees this tenant only.
-- Locks: none.
create or replace function awaiting_invocations(p_tenant uuid, p_after uuid, p_limit integer)
    returns setof invocations
language plpgsql as $$
begin
    perform set_config('app.tenant', p_tenant::text, true);
    return query
    select i.* from invocations i
     where i.tenant_id = p_tenant and i.state = 1
       and (i.expires_at is null or i.expires_at > clock_timestamp())
       and (p_after is null or i.invocation_id > p_after)
     order by i.invocation_id
     limit p_limit;
end $$;
