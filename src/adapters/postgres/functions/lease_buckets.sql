-- The buckets of keys that a relay has from now on for p_lease: its fair share among the relays that were here
-- within their time. What it holds above that it gives back; what nobody holds, or whose holder's time is over,
-- it takes under a higher fence, while it has less.
-- Locks: the relay's own row, then its buckets; those of others by skip locked: it waits for nobody.
-- Definer: somagent_relay.
create or replace function lease_buckets(p_relay uuid, p_lease interval)
returns table (bucket smallint, fence bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_share integer;
    v_mine  integer;
begin
    insert into public.relays as r (relay_id, live_until) values (p_relay, clock_timestamp() + p_lease)
        on conflict (relay_id) do update set live_until = excluded.live_until;
    delete from public.relays r
     where r.relay_id in (select d.relay_id from public.relays d
                           where d.live_until < clock_timestamp() - interval '1 hour' for update skip locked);
    if not exists (select from public.relay_buckets) then
        insert into public.relay_buckets (bucket, fence) select n, 0 from generate_series(0, 63) n
            on conflict do nothing;
    end if;
    select ceil(64.0 / count(*)) into v_share from public.relays r where r.live_until > clock_timestamp();

    with mine as (
        select b.bucket, row_number() over (order by b.bucket) <= v_share as kept
          from public.relay_buckets b where b.owner_id = p_relay
    )
    update public.relay_buckets b
       set owner_id = case when m.kept then p_relay end,
           lease_until = case when m.kept then clock_timestamp() + p_lease end
      from mine m
     where b.bucket = m.bucket and b.owner_id = p_relay;
    select count(*) into v_mine from public.relay_buckets b where b.owner_id = p_relay;

    with free as (
        select b.bucket
          from public.relay_buckets b
         where b.owner_id is null or b.lease_until < clock_timestamp()
         order by random()
         limit greatest(v_share - v_mine, 0)
           for no key update skip locked
    )
    update public.relay_buckets b
       set owner_id = p_relay, fence = b.fence + 1, lease_until = clock_timestamp() + p_lease
      from free f
     where b.bucket = f.bucket;
    return query select b.bucket, b.fence from public.relay_buckets b
                  where b.owner_id = p_relay order by b.bucket;
end $$;
