-- What a turn begins with: its session, and the latest messages of the session's turns that have ended, the
-- newest first; and the number of the session's last outgoing event: every end of a turn is one.
-- All null when there is no such session, or it was deleted.
-- Turn after turn: the message of a turn that waited is older than the answer it waited for.
-- At most 4 MiB of them, more than the window of any model takes: all openings come over one connection, and
-- nobody is to wait there for another tenant's long messages.
-- Sees the tenant it sets; no locks.
create or replace function read_opening(
    p_tenant uuid, p_session uuid, p_messages integer,
    out capsule text, out subject text, out busy smallint, out max_waiting integer,
    out created_at timestamptz, out open_turn uuid, out waiting uuid[],
    out last_event bigint, out roles smallint[], out contents text[])
language plpgsql as $$
begin
    perform set_config('app.tenant', p_tenant::text, true);
    select s.capsule, s.subject, s.busy, s.max_waiting, s.created_at, s.open_turn, s.waiting,
           s.event_sequence
      into capsule, subject, busy, max_waiting, created_at, open_turn, waiting, last_event
      from sessions s
     where s.tenant_id = p_tenant and s.session_id = p_session and s.deleted_at is null;
    if capsule is null or p_messages = 0 then
        return;
    end if;
    select array_agg(m.role order by m.turn_id desc, m.message_id desc),
           array_agg(m.content order by m.turn_id desc, m.message_id desc)
      into roles, contents
      from (select n.*, sum(octet_length(n.content)) over (order by n.turn_id desc, n.message_id desc) as bytes
              from (select role, content, turn_id, message_id from messages
                     where tenant_id = p_tenant and session_id = p_session
                       and turn_id <> all (array_append(waiting, coalesce(open_turn, p_session)))
                     order by turn_id desc, message_id desc limit p_messages) n) m
     where m.bytes <= 4194304;
end $$;
