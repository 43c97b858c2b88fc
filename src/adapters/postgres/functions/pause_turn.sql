-- Lets a running turn wait for people. A pause holds, all or nothing: the state, what the turn has done so far, the
-- settlement of what was used so far, the event batch, the calls of tools (those that wait among them) and
-- the outgoing events. The lease and the rest of the reservation are given back; the session's place is
-- kept. Paused before under this fence answers EARLIER.
-- Locks: after lock_tenants the turn row.
-- Outcomes: 0 DONE, 2 EARLIER, 6 STALE_FENCE.
create or replace function pause_turn(
    p_locked uuid[], p_tenant uuid, p_turn uuid, p_fence bigint, p_outcome bytea, p_checkpoint bytea,
    p_first bigint, p_last bigint, p_event_batch bytea,
    p_use_metrics smallint[], p_use_amounts bigint[], p_use_prices integer[],
    p_events uuid[], p_keys uuid[], p_types text[], p_traces text[], p_times bigint[], p_payloads bytea[],
    p_invocations json)
returns smallint language plpgsql as $$
declare
    t turns;
begin
    select * into t from turns where tenant_id = p_tenant and turn_id = p_turn for no key update;
    if t.fence is distinct from p_fence or t.state not in (2, 3) then
        return 6;
    elsif t.state = 3 then
        return 2;
    end if;

    perform settle_holds(p_tenant, p_turn, t.settlements + 1, t.round, t.hold_period, t.hold_accounts,
                         t.hold_metrics, t.hold_amounts, p_use_metrics, p_use_amounts, p_use_prices);
    update turns
       set state = 3, lease_until = null, awaits_driver = false, take_overs = 0, settlements = settlements + 1,
           outcome = p_outcome, checkpoint = p_checkpoint,
           hold_accounts = '{}', hold_metrics = '{}', hold_amounts = '{}'
     where tenant_id = p_tenant and turn_id = p_turn;
    if p_first > 0 then
        insert into turn_events as known (tenant_id, turn_id, first_sequence, last_sequence, payload)
        values (p_tenant, p_turn, p_first, p_last, p_event_batch)
            on conflict (tenant_id, turn_id, first_sequence) do update
               set last_sequence = excluded.last_sequence, payload = excluded.payload
             where known.last_sequence < excluded.last_sequence;
    end if;
    if p_invocations is not null then
        perform write_invocations(array[p_tenant], array[p_turn], null, p_invocations);
    end if;
    update turns set waits_until = waits_until(p_tenant, p_turn)
     where tenant_id = p_tenant and turn_id = p_turn;
    perform publish(p_tenant, t.session_id, p_events, p_keys, p_types, p_traces, p_times, p_payloads);
    return 0;
end $$;
