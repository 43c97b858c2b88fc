-- Turns with what was asked and answered, in the order in which they are named; those that do not exist are
-- left out.
-- Sees the tenants it sets (of a request's login the first alone); no locks.
create or replace function read_turns(p_tenants uuid[], p_turns uuid[])
    returns table (
        tenant_id uuid, turn_id uuid, session_id uuid, capsule_version_id uuid, state smallint, fence bigint,
        terms bytea, question text, accepted_at timestamptz, deadline_at timestamptz,
        finished_at timestamptz, answer text, outcome bytea, record_id uuid, last_written bigint)
language plpgsql as $$
begin
    perform set_config('app.tenant', p_tenants[1]::text, true),
            set_config('app.tenants', p_tenants::text, true);
    return query
        select t.tenant_id, t.turn_id, t.session_id, t.capsule_version_id, t.state, t.fence, t.terms,
               q.content, t.accepted_at, t.deadline_at, t.finished_at, coalesce(a.content, ''), t.outcome,
               t.record_id, last_written(t.tenant_id, t.turn_id)
          from unnest(p_tenants, p_turns) with ordinality k(tenant, turn, place)
          join turns t on t.tenant_id = k.tenant and t.turn_id = k.turn
          join messages q on q.tenant_id = t.tenant_id and q.message_id = t.question_id
          left join messages a on a.tenant_id = t.tenant_id and a.message_id = t.answer_id
         order by k.place;
end $$;
