-- Records of all tenants that have no seal, with the head of their chain as it was in the same moment.
-- Of a tenant the lowest positions first; at most p_limit rows. Locks nothing.
-- Definer: somagent_sealer.
create or replace function unsealed_records(p_limit integer)
returns table (tenant_id uuid, head_position bigint, head_hash bytea, record_id uuid,
               record_position bigint, body bytea)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select r.tenant_id, coalesce(h.position, 0), coalesce(h.hash, decode(repeat('00', 32), 'hex')),
           r.record_id, r.position, r.body
      from (select u.tenant_id, u.record_id, u.position, u.body
              from public.records u
             where u.seal is null
             order by u.tenant_id, u.position
             limit p_limit) r
      left join public.chain_heads h on h.tenant_id = r.tenant_id
     order by r.tenant_id, r.position
$$;
