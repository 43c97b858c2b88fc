-- Drops the first day partition of outgoing events that is older than p_keep, holds nothing unpublished and is not
-- in use: 1, or 0 where there is none. Run hourly, until it answers 0; any number of servers may run it at once.
-- What somebody reads, as a dump does, is left for another time.
-- Locks: the partition, then the outbox, so that nothing is written between the look and the drop. Commits wait for
-- the second: each is waited for 50 ms at most, a few times, and nobody who holds the first makes them wait.
-- The setting keeps the planner to the index of what is unpublished.
-- Definer: somagent_owner, who alone may drop a partition.
create or replace function drop_published(p_keep interval) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
declare
    v_open boolean;
    c      record;
begin
    perform pg_advisory_xact_lock(hashtext('open_partitions'));
    perform set_config('lock_timeout', '50ms', true);
    for c in
        select r.relname as name,
               format('select exists (select from public.%I o where o.published_at is null)', r.relname) as look
          from pg_inherits i
          join pg_class r on r.oid = i.inhrelid
         where i.inhparent = 'public.outbox'::regclass and r.relname <> 'outbox_default'
           and to_date(right(r.relname, 10), 'YYYY_MM_DD') + interval '1 day' + p_keep <= now() at time zone 'UTC'
         order by 1
    loop
        for v_try in 1..4 loop
            begin
                execute c.look into v_open;
                exit when v_open;
                execute format('lock table only public.%I in access exclusive mode', c.name);
                lock table only public.outbox in access exclusive mode;
                execute c.look into v_open;
                exit when v_open;
                execute format('drop table public.%I', c.name);
                return 1;
            exception when lock_not_available then
                perform pg_sleep(0.1 + random() * 0.1);
            end;
        end loop;
    end loop;
    return 0;
end $$;
