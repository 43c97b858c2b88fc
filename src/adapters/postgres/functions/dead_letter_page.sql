-- Dead letters without their contents, of one tenant or, where it is null, of all, in the order in which they
-- came, later than p_after (one that was deleted meanwhile came when its identifier says). Null, and an empty text
-- or key, mean any.
-- The query is put together of what is asked for, and planned for it: so it finds the index of a tenant's letters,
-- of those that rest, of those of a key or of a time. Topics and reasons are few: letters of others are passed over.
-- Locks: none.
-- Definer: somagent_relay, which sees the dead letters of every tenant: who asks says which he may see.
create or replace function dead_letter_page(
    p_tenant uuid, p_state smallint, p_topic text, p_key bytea, p_reason text, p_since timestamptz,
    p_until timestamptz, p_after uuid, p_limit integer)
returns table (tenant_id uuid, letter_id uuid, source text, origin text, topic text, key bytea, type text,
               payload_bytes bigint, reason text, cause text, attempted_at timestamptz[],
               attempt_errors text[], state smallint, created_at timestamptz, replaying boolean,
               settled_at timestamptz, settled_by text, note text, version bigint)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_after timestamptz;
begin
    if p_after is not null then
        v_after := coalesce((select l.created_at from public.dead_letters l
                              where (l.tenant_id = p_tenant or p_tenant is null) and l.letter_id = p_after limit 1),
                            uuid_extract_timestamp(p_after));
    end if;
    return query execute format(
        'select l.tenant_id, l.letter_id, l.source, l.origin, l.topic, l.key, l.type, l.payload_bytes,
                l.reason, l.cause, l.attempted_at, l.attempt_errors, l.state, l.created_at,
                coalesce(l.taken_until > clock_timestamp(), false), l.settled_at, l.settled_by, l.note,
                l.version
           from public.dead_letters l where true %s order by l.created_at, l.letter_id limit $9',
        concat_ws(' ', case when p_tenant is not null then 'and l.tenant_id = $1' end,
                  'and l.state = ' || p_state,
                  case when p_topic <> '' then 'and l.topic = $3' end,
                  case when p_key <> '' then 'and l.key = $4' end,
                  case when p_reason <> '' then 'and l.reason = $5' end,
                  case when p_since is not null then 'and l.created_at >= $6' end,
                  case when p_until is not null then 'and l.created_at < $7' end,
                  case when p_after is not null then 'and (l.created_at, l.letter_id) > ($10, $8)' end))
    using p_tenant, p_state, p_topic, p_key, p_reason, p_since, p_until, p_after, p_limit, v_after;
end $$;
