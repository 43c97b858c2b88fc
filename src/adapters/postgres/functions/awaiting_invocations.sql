-- A tenant's invocations that wait for a decision and may still get one, oldest first, newer than another;
-- each with the session of its turn, where it has one.
-- Sets app.tenant: for the login of requests, which sees this tenant only.
-- Locks: none.
create or replace function awaiting_invocations(p_tenant uuid, p_after uuid, p_limit integer)
    returns table (session uuid, invocation invocations)
language plpgsql as $$
begin
    perform set_config('app.tenant', p_tenant::text, true);
    return query
    select t.session_id, f.found
      from (select i as found, i.turn_id, i.invocation_id from invocations i
             where i.tenant_id = p_tenant and i.state = 1
               and (i.expires_at is null or i.expires_at > clock_timestamp())
               and (p_after is null or i.invocation_id > p_after)
             order by i.invocation_id limit p_limit) f
      left join turns t on t.tenant_id = p_tenant and t.turn_id = f.turn_id
     order by f.invocation_id;
end $$;
