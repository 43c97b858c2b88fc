-- Writes event batches of running turns whose fence and sequence ceiling allow it. The turns are distinct.
-- Locks: turn rows, sorted, skipping those locked elsewhere; no tenant row, so it may run beside the writer.
-- Outcomes: 0 DONE (also when it was written before), 6 STALE_FENCE (or above the ceiling), 8 AGAIN.
create or replace function append_events(
    p_tenants uuid[], p_turns uuid[], p_fences bigint[], p_firsts bigint[], p_lasts bigint[],
    p_payloads bytea[])
returns smallint[] language plpgsql as $$
declare
    v_outcomes smallint[];
begin
    perform set_config('app.tenants', p_tenants::text, true);
    with locked as (
        select t.tenant_id, t.turn_id, t.state, t.fence, t.sequence_ceiling
          from turns t
         where (t.tenant_id, t.turn_id) in (select * from unnest(p_tenants, p_turns))
         order by t.tenant_id, t.turn_id
           for no key update of t skip locked
    ), allowed as (
        select k.place, l.state = 2 and l.fence = k.fence and k.last <= l.sequence_ceiling as fits
          from unnest(p_tenants, p_turns, p_fences, p_lasts) with ordinality
               k(tenant, turn, fence, last, place)
          join locked l on l.tenant_id = k.tenant and l.turn_id = k.turn
    ), written as (
        insert into turn_events as known (tenant_id, turn_id, first_sequence, last_sequence, payload)
        select p_tenants[place], p_turns[place], p_firsts[place], p_lasts[place], p_payloads[place]
          from allowed
         where fits
            on conflict (tenant_id, turn_id, first_sequence) do update
               set last_sequence = excluded.last_sequence, payload = excluded.payload
             where known.last_sequence < excluded.last_sequence
    )
    select array_agg(case when a.place is not null then case when a.fits then 0 else 6 end
                          when t.turn_id is null then 6
                          else 8 end::smallint order by k.place)
      into v_outcomes
      from unnest(p_tenants, p_turns) with ordinality k(tenant, turn, place)
      left join allowed a on a.place = k.place
      left join turns t on t.tenant_id = k.tenant and t.turn_id = k.turn;
    return v_outcomes;
end $$;
