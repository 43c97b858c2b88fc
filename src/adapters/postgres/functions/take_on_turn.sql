-- Lets a turn go on after an interruption: what was used by then is settled, and what follows is reserved anew, in
-- the period that is open now; both or neither. With it come what the turn has done so far, the calls of
-- tools that were made, a renewed lease, the outgoing events and, where its server was lost (p_first > 0), the event that says which numbers are void.
-- p_progressed: the turn had got further since it was taken over last, so that the count of lost servers begins
-- again.
-- A driver takes a turn on in steps, from 0: one that was taken before under this fence answers EARLIER.
-- What is granted is told by the same statement: read later, it might be another server's.
-- Locks: after lock_tenants the turn row.
-- Outcomes: 0 DONE, 2 EARLIER, 4 OVER_LIMIT (nothing is changed; refused, and what was left once the lost server's
-- holds were settled), 6 STALE_FENCE, 7 NOT_FOUND (a required account).
create or replace function take_on_turn(
    p_locked uuid[], p_tenant uuid, p_turn uuid, p_fence bigint, p_step integer, p_lease interval, p_progressed boolean,
    p_outcome bytea, p_checkpoint bytea, p_first bigint, p_last bigint, p_event_batch bytea,
    p_use_metrics smallint[], p_use_amounts bigint[], p_use_prices integer[],
    p_accounts uuid[], p_metrics smallint[], p_amounts bigint[], p_required boolean[],
    p_events uuid[], p_keys uuid[], p_types text[], p_traces text[], p_times bigint[], p_payloads bytea[],
    p_invocations json,
    out outcome smallint, out refused integer, out remaining bigint,
    out lease_ms integer, out ceiling bigint, out first_sequence bigint)
language plpgsql as $$
declare
    v_held record;
    t      turns;
begin
    select * into t from turns where tenant_id = p_tenant and turn_id = p_turn for no key update;
    if t.state is distinct from 2 or t.fence <> p_fence then
        outcome := 6;
        return;
    elsif t.taken_fence = p_fence and t.taken_step >= p_step then
        outcome := 2;
        lease_ms := lease_left(t.lease_until);
        ceiling := t.sequence_ceiling;
        first_sequence := last_written(p_tenant, p_turn) + 1;
        return;
    end if;

    begin
        perform settle_holds(p_tenant, p_turn, t.settlements + 1, t.round, t.hold_period, t.hold_accounts,
                             t.hold_metrics, t.hold_amounts, p_use_metrics, p_use_amounts, p_use_prices);
        select h.*, n.period into v_held
          from tenants n, take_holds(p_tenant, n.period, p_accounts, p_metrics, p_amounts, p_required) h
         where n.tenant_id = p_tenant;
        if v_held.refused is not null then
            raise exception using errcode = 'SG004';
        end if;
    exception when sqlstate 'SG004' then
        -- The settlement is undone with it: the turn's end makes it.
        outcome := case when v_held.remaining is null then 7 else 4 end;
        refused := v_held.refused;
        remaining := v_held.remaining;
        return;
    end;

    update turns
       set lease_until = clock_timestamp() + p_lease, taken_fence = p_fence, taken_step = p_step, awaits_driver = false,
           take_overs = case when p_progressed then least(take_overs, 1) else take_overs end,
           settlements = settlements + 1, outcome = p_outcome, checkpoint = p_checkpoint,
           hold_period = v_held.period, hold_accounts = v_held.accounts, hold_metrics = v_held.metrics,
           hold_amounts = v_held.amounts
     where tenant_id = p_tenant and turn_id = p_turn
    returning lease_left(lease_until) into lease_ms;
    if p_first > 0 then
        insert into turn_events (tenant_id, turn_id, first_sequence, last_sequence, payload)
        values (p_tenant, p_turn, p_first, p_last, p_event_batch);
    end if;
    if p_invocations is not null then
        perform write_invocations(array[p_tenant], array[p_turn], null, p_invocations);
    end if;
    perform publish(p_tenant, t.session_id, p_events, p_keys, p_types, p_traces, p_times, p_payloads);
    outcome := 0;
    ceiling := t.sequence_ceiling;
    first_sequence := last_written(p_tenant, p_turn) + 1;
end $$;
