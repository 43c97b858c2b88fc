-- Writes seals, of each chain all or none: if its head is still the one that they follow from, and its records
-- are there and have none, it is moved to the last of them. Answers for each chain whether it was. A chain is
-- named once.
-- p_record_tenants names the chain of each record. With the seals of a chain its fact is published; nobody else
-- numbers facts under those keys.
-- What the sealer was shown is no longer kept from others.
-- Locks: chain heads, sorted, until the end; then the counters of the facts' keys; then the row of sealing.
-- Definer: somagent_sealer.
create or replace function seal_records(
    p_sealer uuid, p_tenants uuid[], p_positions bigint[], p_hashes bytea[],
    p_last_positions bigint[], p_last_hashes bytea[],
    p_record_tenants uuid[], p_records uuid[], p_seals bytea[], p_events uuid[], p_keys uuid[], p_types text[],
    p_traces text[], p_times bigint[], p_payloads bytea[]) returns boolean[]
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_moved uuid[];
begin
    insert into public.chain_heads (tenant_id, position, hash)
    select k.tenant, 0, k.hash
      from unnest(p_tenants, p_positions, p_hashes) k(tenant, position, hash)
     where k.position = 0
     order by k.tenant
        on conflict do nothing;
    perform from public.chain_heads where tenant_id = any (p_tenants) order by tenant_id for no key update;

    with whole as (
        select k.tenant
          from unnest(p_record_tenants, p_records) k(tenant, record)
          left join public.records r on r.tenant_id = k.tenant and r.record_id = k.record and r.seal is null
         group by k.tenant
        having count(*) = count(r.record_id)),
    moved as (
        update public.chain_heads h set position = k.last_position, hash = k.last_hash
          from unnest(p_tenants, p_positions, p_hashes, p_last_positions, p_last_hashes)
               k(tenant, position, hash, last_position, last_hash)
         where h.tenant_id = k.tenant and h.position = k.position and h.hash = k.hash
           and k.tenant in (select w.tenant from whole w)
        returning h.tenant_id)
    select coalesce(array_agg(tenant_id), '{}') into v_moved from moved;

    update public.records r set seal = k.seal
      from unnest(p_record_tenants, p_records, p_seals) k(tenant, record, seal)
     where r.tenant_id = k.tenant and r.record_id = k.record and k.tenant = any (v_moved);
    perform public.announce(array_agg(k.tenant), array_agg(k.event), array_agg(k.key), array_agg(k.type),
                            array_agg(k.trace), array_agg(k.time), array_agg(k.payload))
       from unnest(p_tenants, p_events, p_keys, p_types, p_traces, p_times, p_payloads)
            k(tenant, event, key, type, trace, time, payload)
      where k.tenant = any (v_moved)
     having count(*) > 0;
    update public.sealing set leased_until = null where sealer_id = p_sealer and leased_until is not null;
    return (select array_agg(k.tenant = any (v_moved) order by k.place)
              from unnest(p_tenants) with ordinality k(tenant, place));
end $$;
