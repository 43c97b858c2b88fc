-- Writes down the calls of tools that travel with commands of turns: p_invocations is a list of objects with
-- the columns' names and `command`, the index of the call's command. Those of commands whose outcome is
-- not 0 are passed over, and so are calls that have ended already: an outcome is never undone. A call that
-- was approved after its driver had read that it waits does not expire: it is denied, and its decider stays.
-- Locks: none of its own; the caller holds the tenant and turn rows.
create or replace function write_invocations(
    p_tenants uuid[], p_turns uuid[], p_outcomes smallint[], p_invocations json)
returns void language sql as $$
    insert into invocations as known (
        tenant_id, invocation_id, turn_id, round, call_id, tool, arguments, digest, effect, state, permit,
        result, reason, requested_by, decided_by, decided_at, expires_at, created_at, finished_at)
    select p_tenants[i.command], i.invocation_id, p_turns[i.command], i.round, i.call_id, i.tool,
           i.arguments, decode(i.digest, 'hex'), i.effect, i.state, i.permit, i.result, i.reason,
           i.requested_by, i.decided_by, i.decided_at, i.expires_at,
           coalesce(i.created_at, clock_timestamp()), i.finished_at
      from json_to_recordset(p_invocations)
           i(command integer, invocation_id uuid, round integer, call_id text, tool text, arguments text,
             digest text, effect boolean, state smallint, permit text, result text, reason text,
             requested_by text, decided_by text, decided_at timestamptz, expires_at timestamptz,
             created_at timestamptz, finished_at timestamptz)
     where coalesce(p_outcomes[i.command], 0) = 0
        on conflict (tenant_id, invocation_id) do update
           set round = excluded.round, arguments = excluded.arguments, digest = excluded.digest,
               state = case when known.state = 2 and excluded.state = 9 then 7 else excluded.state end,
               permit = excluded.permit, result = excluded.result,
               reason = excluded.reason, requested_by = excluded.requested_by,
               decided_by = case when known.state = 2 and excluded.state = 9 then known.decided_by
                                 else excluded.decided_by end,
               decided_at = case when known.state = 2 and excluded.state = 9 then known.decided_at
                                 else excluded.decided_at end,
               expires_at = excluded.expires_at, finished_at = excluded.finished_at
         where known.state in (1, 2, 3, 6)
$$;
