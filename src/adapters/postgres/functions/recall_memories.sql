-- Texts of one tenant that hold words of a cue, best first: those with all of them before those with some.
-- Seen are everybody's and the subject's own, of no session or of this one. Of more than 1,000 that match,
-- the newest are ranked: what is written last counts, and ranking is what costs (8 µs a text).
-- Under row security the planner could not use the full-text index (the operator is not leakproof), hence a
-- role with a policy of its own; the tenant is named twice: it is a lexeme that the index looks up together
-- with the words, and the rows are compared with it.
-- Definer: somagent_searcher.
create or replace function recall_memories(
    p_tenant uuid, p_subject text, p_session uuid, p_cue text, p_limit integer)
returns table (memory_id uuid, subject text, session_id uuid, text text, kind text, strength double precision,
               source text, text_digest bytea, created_at timestamptz, score double precision)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_all    tsquery := websearch_to_tsquery('english', p_cue);
    v_any    tsquery;
    v_some   tsquery;
    v_whole  integer := 1;
    v_tenant tsquery := ('''tenant:' || p_tenant || '''')::tsquery;
    v_found  integer := 0;
begin
    select string_agg('''' || replace(replace(w.lexeme, '\', '\\'), '''', '''''') || '''', ' | ')::tsquery
      into v_any
      from (select lexeme from unnest(to_tsvector('english', p_cue)) order by length(lexeme) desc limit 64) w;
    if v_any is null then
        return;
    end if;
    foreach v_some in array array[v_all && v_any, v_any && !!v_all] loop
        return query
        select m.memory_id, m.subject, m.session_id, m.text, m.kind, m.strength, m.source, m.text_digest,
               m.created_at,
               v_whole + ts_rank(m.words, v_any) * (1 + m.strength) / 2 as score
          from (select f.tenant_id, f.memory_id
                  from public.memories f
                 where f.words @@ (v_tenant && v_some)
                   and f.tenant_id = p_tenant
                   and f.subject in ('', p_subject)
                   and (f.session_id is null or f.session_id = p_session)
                 order by f.memory_id desc
                 limit 1000) newest
          join public.memories m on m.tenant_id = newest.tenant_id and m.memory_id = newest.memory_id
         order by score desc, m.created_at desc, m.memory_id desc
         limit p_limit - v_found;
        get diagnostics v_found = row_count;
        exit when v_found >= p_limit;
        v_whole := 0;
    end loop;
end $$;
