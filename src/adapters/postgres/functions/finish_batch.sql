-- Ends turns. An end holds, all or nothing: the state, the settlement (uses are flat lists by metric; each
-- hold of a turn settles by its metric's use, into its own period, and never fails: what exceeds the limit is
-- recorded as overrun, and what is not held is added as in settle_holds), the ledger lines, the answer (of
-- completed turns), the event batch, the calls of tools, the record with the next position of the tenant, the
-- outgoing events with the next sequences of their keys, and what it means for the session: a queued turn leaves
-- the queue; an open one makes room for the head of the queue, which gets a lease and the next fence for the
-- server that accepted it. Of the events in p_undecided those are published whose call, in p_calls, still waits
-- for a person: who decides comes under the tenant's lock, before this or after it.
-- A running turn may end in any state, a queued or a paused one fails or is cancelled. The turns of a batch
-- are distinct. Ended before with this fence, state and record answers EARLIER, with the same promotion.
-- Locks: after lock_tenants the turn rows, sorted.
-- Outcomes: 0 DONE, 2 EARLIER, 6 STALE_FENCE (no such turn, another fence, ended otherwise, not allowed),
-- 8 AGAIN.
create or replace function finish_batch(
    p_locked uuid[], p_lease interval,
    p_tenants uuid[], p_turns uuid[], p_fences bigint[], p_states smallint[],
    p_messages uuid[], p_contents text[], p_outcomes bytea[], p_decisions bytea[],
    p_firsts bigint[], p_lasts bigint[], p_event_batches bytea[], p_records uuid[], p_bodies bytea[], p_nonces bytea[],
    p_use_commands integer[], p_use_metrics smallint[], p_use_amounts bigint[], p_use_prices integer[],
    p_event_commands integer[], p_events uuid[], p_keys uuid[], p_types text[], p_traces text[],
    p_times bigint[], p_payloads bytea[], p_invocations json, p_undecided uuid[], p_calls uuid[],
    out outcomes smallint[], out promoted_turns uuid[], out promoted_owners uuid[])
language plpgsql as $$
declare
    v_now    timestamptz;
    v_others boolean;                                             -- whether any event has another key
begin
    perform from turns t
       join unnest(p_tenants, p_turns) k(tenant, turn) on t.tenant_id = k.tenant and t.turn_id = k.turn
      order by t.tenant_id, t.turn_id
        for no key update of t;
    v_now := clock_timestamp();

    if p_undecided is not null then
        select array_agg(e.command order by e.place), array_agg(e.event order by e.place),
               array_agg(e.key order by e.place), array_agg(e.type order by e.place),
               array_agg(e.trace order by e.place), array_agg(e.time order by e.place),
               array_agg(e.payload order by e.place)
          into p_event_commands, p_events, p_keys, p_types, p_traces, p_times, p_payloads
          from unnest(p_event_commands, p_events, p_keys, p_types, p_traces, p_times, p_payloads)
               with ordinality e(command, event, key, type, trace, time, payload, place)
          left join unnest(p_undecided, p_calls) u(event, call) on u.event = e.event
         where u.event is null
            or exists (select from invocations i
                        where i.tenant_id = p_tenants[e.command] and i.invocation_id = u.call and i.state = 1);
    end if;

    with ended as (
        update turns t
           set state = k.state, lease_until = null, awaits_driver = false, finished_at = v_now,
               settlements = t.settlements + 1, record_id = p_records[k.place],
               answer_id = case when k.state = 4 then p_messages[k.place] end,
               outcome = p_outcomes[k.place], trace = p_decisions[k.place], checkpoint = null,
               hold_accounts = '{}', hold_metrics = '{}', hold_amounts = '{}'
          from unnest(p_tenants, p_turns, p_fences, p_states) with ordinality
               k(tenant, turn, fence, state, place)
         where t.tenant_id = k.tenant and t.turn_id = k.turn and t.fence = k.fence
           and (t.state = 2 or t.state in (1, 3) and k.state in (5, 6))
        returning k.place, t.tenant_id, t.turn_id, t.session_id, t.state, t.round, t.settlements,
                  t.hold_period, old.hold_accounts, old.hold_metrics, old.hold_amounts
    ), used as (
        select e.place, e.tenant_id, e.turn_id, e.settlements, e.round, e.hold_period, e.hold_accounts,
               u.metric, u.amount, u.price,
               (select array_agg(h.account)
                  from unnest(e.hold_accounts, e.hold_metrics) h(account, metric)
                 where h.metric = u.metric) as held_in
          from unnest(p_use_commands, p_use_metrics, p_use_amounts, p_use_prices)
               u(command, metric, amount, price)
          join ended e on e.place = u.command
    ), added as (
        select u.place, u.tenant_id, u.hold_period, b.account, u.metric, u.amount
          from used u
         cross join lateral (select distinct b.account
                               from unnest(u.tenant_id || u.hold_accounts) b(account)) b
         cross join lateral (select from accounts a
                              where a.tenant_id = u.tenant_id and a.account_id = b.account
                                and a.metric = u.metric and a.period = u.hold_period
                              limit 1) a
         where u.held_in is null and u.amount > 0
    ), settled as (
        update accounts a
           set held = a.held - n.held, spent = a.spent + n.used,
               overrun = a.overrun + case when n.exceeds
                   then overrun_of(a.limit_amount - a.spent - a.held, n.excesses) else 0 end,
               warned = greatest(a.warned, percentage_passed(a.limit_amount, a.spent + n.used::bigint))
          from (select c.tenant_id, c.account, c.metric, c.hold_period, sum(c.held) as held,
                       sum(c.used) as used, bool_or(c.used > c.held) as exceeds,
                       array_agg(c.used - c.held order by c.place) as excesses,
                       array_agg(c.place order by c.place) as places
                  from (select e.place, e.tenant_id, e.hold_period, h.account, h.metric, h.amount as held,
                               coalesce(u.amount, 0) as used
                          from ended e
                         cross join unnest(e.hold_accounts, e.hold_metrics, e.hold_amounts)
                                    h(account, metric, amount)
                          left join unnest(p_use_commands, p_use_metrics, p_use_amounts)
                                    u(command, metric, amount)
                            on u.command = e.place and u.metric = h.metric
                         union all
                        select place, tenant_id, hold_period, account, metric, 0, amount from added) c
                 group by c.tenant_id, c.account, c.metric, c.hold_period) n
         where a.tenant_id = n.tenant_id and a.account_id = n.account and a.metric = n.metric
           and a.period = n.hold_period
        returning a.tenant_id, a.account_id, a.metric, a.overrun - old.overrun as more,
                  old.limit_amount - old.spent - old.held as remaining, n.places, n.excesses
    ), borne as (
        insert into overruns (tenant_id, reference_id, step, account_id, metric, amount)
        select s.tenant_id, e.turn_id, e.settlements, s.account_id, s.metric, o.overrun
          from settled s
         cross join lateral overruns_of(s.remaining, s.excesses) o
          join ended e on e.place = s.places[o.place]
         where s.more > 0 and o.overrun > 0
    ), billed as (
        insert into ledger (tenant_id, reference_id, step, metric, amount, price_version, round, period,
                            accounts, created_at)
        select u.tenant_id, u.turn_id, u.settlements, u.metric, u.amount, u.price, u.round, u.hold_period,
               coalesce(u.held_in, (select array_agg(a.account) from added a
                                     where a.place = u.place and a.metric = u.metric), '{}'), v_now
          from used u
    ), told as (
        select o.place, o.command, e.tenant_id, e.session_id, o.event
          from unnest(p_event_commands, p_events, p_keys) with ordinality o(command, event, key, place)
          join ended e on e.place = o.command and e.session_id = o.key
    ), left_behind as (
        select e.tenant_id, e.session_id, array_agg(e.turn_id) as turns,
               (select count(*) from told o
                 where o.tenant_id = e.tenant_id and o.session_id = e.session_id) as events
          from ended e group by e.tenant_id, e.session_id
    ), freed as (
        update sessions s
           set (open_turn, waiting) = (
                   select case when s.open_turn = any (n.turns) then q.rest[1] else s.open_turn end,
                          case when s.open_turn = any (n.turns) then q.rest[2:] else q.rest end
                     from (select coalesce(array_agg(w.turn order by w.place), '{}') as rest
                             from unnest(s.waiting) with ordinality w(turn, place)
                            where w.turn <> all (n.turns)) q),
               event_sequence = s.event_sequence + n.events
          from left_behind n
         where s.tenant_id = n.tenant_id and s.session_id = n.session_id
        returning s.tenant_id, s.session_id, old.event_sequence, old.open_turn as before,
                  nullif(s.open_turn, old.open_turn) as next_turn
    ), counted as (
        update tenants n set record_position = n.record_position + c.records
          from (select tenant_id, count(*) as records from ended group by tenant_id) c
         where n.tenant_id = c.tenant_id
        returning n.tenant_id, old.record_position
    ), answered as (
        insert into messages (tenant_id, message_id, session_id, turn_id, role, content, created_at)
        select tenant_id, p_messages[place], session_id, turn_id, 1, p_contents[place], v_now
          from ended where state = 4
    ), shown as (
        insert into turn_events as known (tenant_id, turn_id, first_sequence, last_sequence, payload)
        select tenant_id, turn_id, p_firsts[place], p_lasts[place], p_event_batches[place]
          from ended where p_firsts[place] > 0
            on conflict (tenant_id, turn_id, first_sequence) do update
               set last_sequence = excluded.last_sequence, payload = excluded.payload
             where known.last_sequence < excluded.last_sequence
    ), recorded as (
        insert into records (tenant_id, record_id, turn_id, position, body, nonce, created_at)
        select e.tenant_id, p_records[e.place], e.turn_id,
               c.record_position + row_number() over (partition by e.tenant_id order by e.place),
               p_bodies[e.place], p_nonces[e.place], v_now
          from ended e
          join counted c on c.tenant_id = e.tenant_id
    ), announced as (
        insert into outbox (tenant_id, event_id, key_id, sequence, type, traceparent, payload, occurred_at,
                            created_at)
        select o.tenant_id, o.event, o.session_id,
               f.event_sequence
                   + row_number() over (partition by o.tenant_id, o.session_id order by o.place),
               p_types[o.place], p_traces[o.place], p_payloads[o.place], instant_of(p_times[o.place]), v_now
          from told o
          join freed f on f.tenant_id = o.tenant_id and f.session_id = o.session_id
    )
    select array_agg(case when e.place is not null then 0
                          when not k.tenant = any (p_locked) then 8
                          else 6 end::smallint order by k.place),
           array_agg(case when f.before = k.turn then f.next_turn end order by k.place),
           (select count(*) from told) < cardinality(p_events)
      into outcomes, promoted_turns, v_others
      from unnest(p_tenants, p_turns) with ordinality k(tenant, turn, place)
      left join ended e on e.place = k.place
      left join freed f on f.tenant_id = e.tenant_id and f.session_id = e.session_id;

    if v_others then
        perform announce(array_agg(p_tenants[o.command] order by o.place),
                         array_agg(o.event order by o.place), array_agg(o.key order by o.place),
                         array_agg(p_types[o.place] order by o.place),
                         array_agg(p_traces[o.place] order by o.place),
                         array_agg(p_times[o.place] order by o.place),
                         array_agg(p_payloads[o.place] order by o.place))
           from unnest(p_event_commands, p_events, p_keys) with ordinality o(command, event, key, place)
           join turns t on t.tenant_id = p_tenants[o.command] and t.turn_id = p_turns[o.command]
          where outcomes[o.command] = 0 and t.session_id <> o.key
         having count(*) > 0;
    end if;
    if p_invocations is not null then
        perform write_invocations(p_tenants, p_turns, outcomes, p_invocations);
    end if;

    if num_nonnulls(variadic promoted_turns) = 0 then
        promoted_turns := null;
    else
        with promoted as (
            update turns t
               set state = 2, fence = t.fence + 1, lease_until = v_now + p_lease, awaits_driver = true
              from unnest(p_tenants, promoted_turns) k(tenant, turn)
             where t.tenant_id = k.tenant and t.turn_id = k.turn
            returning t.turn_id, t.owner_id
        ), noted as (
            update turns t set promoted_turn = k.promoted
              from unnest(p_tenants, p_turns, promoted_turns) k(tenant, turn, promoted)
             where t.tenant_id = k.tenant and t.turn_id = k.turn and k.promoted is not null
        )
        select array_agg(p.owner_id order by k.place) into promoted_owners
          from unnest(promoted_turns) with ordinality k(turn, place)
          left join promoted p on p.turn_id = k.turn;
    end if;

    if 6 = any (outcomes) then
        select array_agg(case when k.outcome = 6 and t.fence = k.fence and t.state = k.state
                               and t.record_id = k.record then 2 else k.outcome end::smallint
                         order by k.place),
               array_agg(case when k.outcome <> 6 then promoted_turns[k.place]
                              when t.fence = k.fence and t.record_id = k.record then t.promoted_turn end
                         order by k.place),
               array_agg(case when k.outcome <> 6 then promoted_owners[k.place]
                              when t.fence = k.fence and t.record_id = k.record then p.owner_id end
                         order by k.place)
          into outcomes, promoted_turns, promoted_owners
          from unnest(p_tenants, p_turns, p_fences, p_states, p_records, outcomes) with ordinality
               k(tenant, turn, fence, state, record, outcome, place)
          left join turns t on t.tenant_id = k.tenant and t.turn_id = k.turn
          left join turns p on p.tenant_id = k.tenant and p.turn_id = t.promoted_turn;
    end if;
    if 0 = all (outcomes) then
        outcomes := null;
    end if;
end $$;
