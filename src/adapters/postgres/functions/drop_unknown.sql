-- Deletes the oldest dead letters above p_most that consumers let rest with the platform (p_tenant), because
-- nobody knows who sent them, and that nobody has edited or begun to replay; at most 1,000; how many. Run with each
-- such letter: whoever may write to a topic that is read would fill the database otherwise.
-- Locks: the letters that it deletes.
-- Definer: somagent_sweeper, whose own policies show it of letters that rest these alone.
create or replace function drop_unknown(p_tenant uuid, p_most integer) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_dropped integer;
begin
    delete from public.dead_letters l
     where l.tenant_id = p_tenant and l.state = 1 and l.version = 0
       and l.letter_id in (select d.letter_id from public.dead_letters d
                            where d.tenant_id = p_tenant and d.state = 1 and d.version = 0 and d.source <> 'relay'
                            order by d.created_at desc, d.letter_id desc
                           offset p_most limit 1000);
    get diagnostics v_dropped = row_count;
    return v_dropped;
end $$;
