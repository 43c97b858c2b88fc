-- Puts a record by itself at the next position of its tenant's chain, once per request id.
-- p_locked => lock_tenants(…): the tenant's row is held, so positions are gapless and in commit order.
-- outcome: 0 stored now, 1 stored before by the same request, 2 the request id is known with another digest.
create or replace function append_record(
    p_locked uuid[], p_tenant uuid, p_record uuid, p_request text, p_digest bytea, p_body bytea, p_nonce bytea)
returns table (outcome smallint, record_id uuid, record_position bigint, body bytea, nonce bytea,
               sealed boolean, created_at timestamptz)
language plpgsql as $$
declare
    v_now      timestamptz := clock_timestamp();
    v_position bigint;
    v_digest   bytea;
    v_record   uuid;
begin
    select r.digest, r.resource::uuid into v_digest, v_record
      from requests r
     where r.tenant_id = p_tenant and r.method = 'RecordProvenance' and r.request_id = p_request;
    if found then
        return query
        select (case when v_digest = p_digest then 1 else 2 end)::smallint, r.record_id, r.position, r.body,
               r.nonce, r.seal is not null, r.created_at
          from records r
         where r.tenant_id = p_tenant and r.record_id = v_record;
        return;
    end if;
    update tenants t set record_position = t.record_position + 1
     where t.tenant_id = p_tenant and p_tenant = any (p_locked)
    returning t.record_position into strict v_position;
    insert into records (tenant_id, record_id, position, body, nonce, created_at)
    values (p_tenant, p_record, v_position, p_body, p_nonce, v_now);
    insert into requests (tenant_id, method, request_id, digest, resource, created_at)
    values (p_tenant, 'RecordProvenance', p_request, p_digest, p_record::text, v_now);
    return query select 0::smallint, p_record, v_position, p_body, p_nonce, false, v_now;
end $$;
