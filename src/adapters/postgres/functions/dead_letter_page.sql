-- Dead letters without their contents, of one tenant or, where it is null, of all, in the order in which they
-- came, later than p_after. Null, and an empty text or key, mean any.
-- Locks: none.
-- Definer: somagent_relay, which sees the dead letters of every tenant: who asks says which he may see.
create or replace function dead_letter_page(
    p_tenant uuid, p_state smallint, p_topic text, p_key bytea, p_reason text, p_since timestamptz,
    p_until timestamptz, p_after uuid, p_limit integer)
returns table (tenant_id uuid, letter_id uuid, source text, origin text, topic text, key bytea, type text,
               payload_bytes bigint, reason text, cause text, attempted_at timestamptz[],
               attempt_errors text[], state smallint, created_at timestamptz, replaying boolean,
               settled_at timestamptz, settled_by text, note text, version bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select l.tenant_id, l.letter_id, l.source, l.origin, l.topic, l.key, l.type, l.payload_bytes, l.reason,
           l.cause, l.attempted_at, l.attempt_errors, l.state, l.created_at,
           coalesce(l.taken_until > clock_timestamp(), false), l.settled_at, l.settled_by, l.note, l.version
      from public.dead_letters l
     where (p_tenant is null or l.tenant_id = p_tenant)
       and (p_state is null or l.state = p_state)
       and (p_topic = '' or l.topic = p_topic)
       and (p_key = '' or l.key = p_key)
       and (p_reason = '' or l.reason = p_reason)
       and (p_since is null or l.created_at >= p_since)
       and (p_until is null or l.created_at < p_until)
       and (p_after is null or l.letter_id > p_after)
     order by l.letter_id
     limit p_limit
$$;
