-- The turns of a session, the newest first, older than p_after (null: from the newest).
-- Sees the tenant it sets; no locks.
create or replace function turn_page(p_tenant uuid, p_session uuid, p_after uuid, p_limit integer)
    returns table (
        tenant_id uuid, turn_id uuid, session_id uuid, capsule_version_id uuid, state smallint, fence bigint,
        terms bytea, question text, accepted_at timestamptz, deadline_at timestamptz,
        finished_at timestamptz, answer text, outcome bytea, record_id uuid, last_written bigint)
language plpgsql as $$
declare
    v_turns uuid[];
begin
    perform set_config('app.tenant', p_tenant::text, true);
    select array_agg(p.turn_id order by p.turn_id desc) into v_turns
      from (select t.turn_id from turns t
             where t.tenant_id = p_tenant and t.session_id = p_session
               and (p_after is null or t.turn_id < p_after)
             order by t.turn_id desc limit p_limit) p;
    if v_turns is not null then
        return query select * from read_turns(array_fill(p_tenant, array[cardinality(v_turns)]), v_turns);
    end if;
end $$;
