-- Records of all tenants that have no seal, with the head of their chain as it was in the same moment.
-- Of a tenant the lowest positions first; at most p_limit rows. Where a page is full the next one begins behind
-- its last tenant, whoever asks: neither a tenant with many records nor a chain that cannot be sealed keeps off
-- the others. They are the caller's for p_lease, or until it has written seals: meanwhile others are shown none,
-- so that two servers do not sign the same. A lease that is held is not made longer: who fails again and again
-- does not keep the others off. Chains are kept whole by seal_records alone.
-- Locks: the row of sealing.
-- Definer: somagent_sealer.
create or replace function unsealed_records(p_sealer uuid, p_lease interval, p_limit integer)
returns table (tenant_id uuid, head_position bigint, head_hash bytea, record_id uuid,
               record_position bigint, body bytea)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_now      timestamptz := clock_timestamp();
    v_shown_to uuid;
    v_last     uuid;
    v_found    integer := 0;
begin
    if not exists (select from public.records u where u.seal is null) then
        return;
    end if;
    if not exists (select from public.sealing s where s.sealer_id = p_sealer and s.leased_until > v_now) then
        insert into public.sealing as known (only_row, sealer_id, leased_until)
        values (true, p_sealer, v_now + p_lease)
            on conflict (only_row) do update set sealer_id = p_sealer, leased_until = v_now + p_lease
         where known.leased_until is null
            or known.leased_until not between v_now and v_now + p_lease;  -- after it: the clock was set back
        if not found then
            return;
        end if;
    end if;
    select coalesce(s.shown_to, '00000000-0000-0000-0000-000000000000') into v_shown_to from public.sealing s;
    for tenant_id, head_position, head_hash, record_id, record_position, body in
        select p.tenant_id, coalesce(h.position, 0), coalesce(h.hash, decode(repeat('00', 32), 'hex')),
               p.record_id, p.position, p.body
          from ((select 1 as lap, r.tenant_id, r.record_id, r.position, r.body
                   from public.records r
                  where r.seal is null and r.tenant_id > v_shown_to
                  order by r.tenant_id, r.position limit p_limit)
                union all
                (select 2, r.tenant_id, r.record_id, r.position, r.body
                   from public.records r
                  where r.seal is null and r.tenant_id <= v_shown_to
                  order by r.tenant_id, r.position limit p_limit)) p
          left join public.chain_heads h on h.tenant_id = p.tenant_id
         order by p.lap, p.tenant_id, p.position
         limit p_limit
    loop
        v_found := v_found + 1;
        v_last := tenant_id;
        return next;
    end loop;
    if v_found >= p_limit then
        update public.sealing set shown_to = v_last;
    end if;
end $$;
