-- Takes a request id of a method for a resource. Known before, it is not taken: then this is whether the
-- content is the same, and what it was taken for.
-- Locks: none of its own; the caller holds the tenant row.
create or replace function known_request(
    p_tenant uuid, p_method text, p_request text, p_digest bytea, p_resource text,
    out same boolean, out resource text)
language plpgsql as $$
begin
    insert into requests (tenant_id, method, request_id, digest, resource, created_at)
    values (p_tenant, p_method, p_request, p_digest, p_resource, clock_timestamp())
        on conflict do nothing;
    if not found then
        select r.digest = p_digest, r.resource into same, resource
          from requests r
         where r.tenant_id = p_tenant and r.method = p_method and r.request_id = p_request;
    end if;
end $$;
