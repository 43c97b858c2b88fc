-- Drops the day partitions of outgoing events that are older than p_keep and hold nothing unpublished; how
-- many. Run daily; any number of servers may run it at once.
-- Definer: somagent_owner, who alone may drop a partition. Its own policy shows it unpublished events.
create or replace function drop_published(p_keep interval) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_dropped integer := 0;
    v_open    boolean;
    c         record;
begin
    perform pg_advisory_xact_lock(hashtext('open_partitions'));
    perform set_config('lock_timeout', '2s', true);
    for c in
        select r.relname as name, to_date(right(r.relname, 10), 'YYYY_MM_DD') as day
          from pg_inherits i
          join pg_class r on r.oid = i.inhrelid
         where i.inhparent = 'public.outbox'::regclass and r.relname <> 'outbox_default'
    loop
        continue when c.day + interval '1 day' + p_keep > now() at time zone 'UTC';
        execute format('select exists (select from public.outbox o where o.tableoid = %L::regclass '
                       'and o.published_at is null)', 'public.' || c.name) into v_open;
        if not v_open then
            execute format('drop table public.%I', c.name);
            v_dropped := v_dropped + 1;
        end if;
    end loop;
    return v_dropped;
end $$;
