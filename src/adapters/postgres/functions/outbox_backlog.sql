-- How many events wait to be published, counted up to p_most, and how long the oldest of those has waited, in
-- seconds. It looks at no more rows than it counts. Locks nothing.
-- Definer: somagent_relay.
create or replace function outbox_backlog(p_most integer)
returns table (events bigint, oldest_seconds double precision)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select count(*), coalesce(extract(epoch from clock_timestamp() - min(w.created_at)), 0)::double precision
      from (select o.created_at from public.outbox o where o.published_at is null limit p_most) w
$$;
