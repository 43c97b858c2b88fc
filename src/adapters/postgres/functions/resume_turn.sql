-- Lets a turn that is paused under p_fence go on for p_owner, when none of its calls waits any more (those that
-- were not decided in time expire with this): the next fence, a lease, a new reservation in the period that is
-- open now, a new deadline, and the outgoing events: the first, and of the others, each of a call in
-- p_undecided, those whose call expired with this and not before. A pause is the only one of its fence: what was
-- read of it is right for this resumption.
-- The same resumption again, known by the first of them, answers EARLIER with the turn as it is, as long as it has
-- the fence that was given then: later ones are of whoever took it over, be that p_owner itself.
-- What is granted is told by the same statement: read later, it might be another server's.
-- Locks: after lock_tenants the turn row.
-- Outcomes: 0 DONE, 2 EARLIER, 4 OVER_LIMIT, 6 STALE_FENCE (not paused under p_fence, or it still waits),
-- 7 NOT_FOUND (a required account).
create or replace function resume_turn(
    p_locked uuid[], p_tenant uuid, p_turn uuid, p_fence bigint, p_owner uuid, p_lease interval,
    p_seconds double precision, p_above bigint,
    p_accounts uuid[], p_metrics smallint[], p_amounts bigint[], p_required boolean[], p_undecided uuid[],
    p_events uuid[], p_keys uuid[], p_types text[], p_traces text[], p_times bigint[], p_payloads bytea[],
    out outcome smallint, out refused integer, out remaining bigint,
    out lease_ms integer, out ceiling bigint, out first_sequence bigint)
language plpgsql as $$
declare
    v_now     timestamptz;
    v_held    record;
    v_expired uuid[];
    t         turns;
begin
    select * into t from turns where tenant_id = p_tenant and turn_id = p_turn for no key update;
    v_now := clock_timestamp();
    if t.state = 2 and t.fence = p_fence + 1 and t.owner_id = p_owner
       and exists (select from outbox where tenant_id = p_tenant and event_id = p_events[1]) then
        outcome := 2;
        lease_ms := lease_left(t.lease_until);
        ceiling := t.sequence_ceiling;
        first_sequence := last_written(p_tenant, p_turn) + 1;
        return;
    elsif t.state is distinct from 3 or t.fence is distinct from p_fence
       or exists (select from invocations
                   where tenant_id = p_tenant and turn_id = p_turn and (state = 1) is true
                     and (expires_at is null or expires_at > v_now)) then
        outcome := 6;
        return;
    end if;

    select h.*, n.period into v_held
      from tenants n, take_holds(p_tenant, n.period, p_accounts, p_metrics, p_amounts, p_required) h
     where n.tenant_id = p_tenant;
    if v_held.refused is not null then
        outcome := case when v_held.remaining is null then 7 else 4 end;
        refused := v_held.refused;
        remaining := v_held.remaining;
        return;
    end if;

    with expired as (
        update invocations set state = 9, finished_at = v_now
         where tenant_id = p_tenant and turn_id = p_turn and (state = 1) is true
        returning invocation_id
    )
    select coalesce(array_agg(invocation_id), '{}') into v_expired from expired;
    update turns
       set state = 2, fence = fence + 1, owner_id = p_owner, lease_until = v_now + p_lease, waits_until = null,
           deadline_at = v_now + make_interval(secs => p_seconds), hold_period = v_held.period,
           hold_accounts = v_held.accounts, hold_metrics = v_held.metrics, hold_amounts = v_held.amounts,
           sequence_ceiling = greatest(sequence_ceiling, last_written(p_tenant, p_turn) + p_above)
     where tenant_id = p_tenant and turn_id = p_turn
    returning sequence_ceiling into ceiling;
    perform publish(p_tenant, t.session_id, array_agg(k.event order by k.place),
                    array_agg(k.key order by k.place), array_agg(k.type order by k.place),
                    array_agg(k.trace order by k.place), array_agg(k.time order by k.place),
                    array_agg(k.payload order by k.place))
       from unnest(p_events, p_keys, p_types, p_traces, p_times, p_payloads) with ordinality
            k(event, key, type, trace, time, payload, place)
      where k.place = 1 or p_undecided[k.place - 1] = any (v_expired);
    outcome := 0;
    lease_ms := lease_left(v_now + p_lease);
    first_sequence := last_written(p_tenant, p_turn) + 1;
end $$;
