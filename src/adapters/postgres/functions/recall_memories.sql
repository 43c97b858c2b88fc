-- Texts of one tenant that hold words of a cue, best first: those with all of them before those with some.
-- Seen are everybody's and the subject's own, of no session or of this one. Under row security the planner
-- could not use the full-text index (the operator is not leakproof), hence a role with a policy of its own;
-- the tenant is named three times: it must be the transaction's, it is a lexeme that the index looks up
-- together with the words, and the rows are compared with it.
-- Definer: somagent_searcher.
create or replace function recall_memories(
    p_tenant uuid, p_subject text, p_session uuid, p_cue text, p_limit integer)
returns table (memory_id uuid, subject text, session_id uuid, text text, kind text, strength double precision,
               source text, text_digest bytea, created_at timestamptz, score double precision)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_all    tsquery := websearch_to_tsquery('english', p_cue);
    v_any    tsquery;
    v_tenant tsquery := ('''tenant:' || p_tenant || '''')::tsquery;
begin
    if p_tenant is distinct from nullif(current_setting('app.tenant', true), '')::uuid then
        raise exception 'recall_memories: the transaction is of another tenant';
    end if;
    select string_agg('''' || replace(replace(w.lexeme, '\', '\\'), '''', '''''') || '''', ' | ')::tsquery
      into v_any
      from (select lexeme from unnest(to_tsvector('english', p_cue)) order by length(lexeme) desc limit 64) w;
    if v_any is null then
        return;
    end if;
    return query
    select f.memory_id, f.subject, f.session_id, f.text, f.kind, f.strength, f.source, f.text_digest,
           f.created_at, f.score
      from (select m.memory_id, m.subject, m.session_id, m.text, m.kind, m.strength, m.source, m.text_digest,
                   m.created_at,
                   case when m.words @@ v_all then 1 else 0 end
                       + ts_rank(m.words, v_any) * (1 + m.strength) / 2 as score
              from public.memories m
             where m.words @@ (v_tenant && v_any)
               and m.tenant_id = p_tenant
               and m.subject in ('', p_subject)
               and (m.session_id is null or m.session_id = p_session)
             limit 5000) f
     order by f.score desc, f.created_at desc, f.memory_id desc
     limit p_limit;
end $$;
