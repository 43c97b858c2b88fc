-- Makes the partitions that are missing: of every partitioned table the months (of outbox the days) from
-- the last one to p_ahead after this one, by the time inside a UUIDv7, and a DEFAULT for identifiers of
-- skewed clocks. Run at every migration and daily; any number of servers may run it at once.
-- A range whose rows lie in the DEFAULT already is left to it.
-- Definer: somagent_owner, who alone may make partitions; sees no rows.
create or replace function open_partitions(p_ahead integer default 2) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_made   integer := 0;
    v_width  interval;
    v_start  timestamp;
    v_bounds text[];
    v_fill   text;
    v_name   text;
    c        record;
begin
    perform pg_advisory_xact_lock(hashtext('open_partitions'));
    for c in
        select r.relname as parent, coalesce(obj_description(r.oid, 'pg_class'), '') as comment
          from pg_partitioned_table p
          join pg_class r on r.oid = p.partrelid
         where r.relnamespace = 'public'::regnamespace
         order by 1
    loop
        v_fill := coalesce(' with (' || substring(c.comment from 'fillfactor=[0-9]+') || ')', '');
        if to_regclass('public.' || c.parent || '_default') is null then
            execute format('create table public.%I partition of public.%I default%s',
                           c.parent || '_default', c.parent, v_fill);
            v_made := v_made + 1;
        end if;
        v_width := case c.parent when 'outbox' then interval '1 day' else interval '1 month' end;
        for v_start in
            select generate_series(date_trunc(case c.parent when 'outbox' then 'day' else 'month' end,
                                              now() at time zone 'UTC') - v_width,
                                   now() at time zone 'UTC' + p_ahead * v_width, v_width)
        loop
            v_name := c.parent || to_char(v_start, case c.parent when 'outbox' then '_YYYY_MM_DD'
                                                                 else '_YYYY_MM' end);
            continue when to_regclass('public.' || v_name) is not null;
            select array_agg(overlay(lpad(to_hex((extract(epoch from edge) * 1000)::bigint), 12, '0')
                                     placing '-' from 9 for 0) || '-0000-0000-000000000000' order by edge)
              into v_bounds
              from unnest(array[v_start, v_start + v_width]) edge;
            begin
                execute format('create table public.%I partition of public.%I for values from (%L) to (%L)%s',
                               v_name, c.parent, v_bounds[1], v_bounds[2], v_fill);
                v_made := v_made + 1;
            exception when check_violation then
                raise notice 'rows of % lie in the default partition of %', v_start, c.parent;
            end;
        end loop;
    end loop;
    return v_made;
end $$;
