-- Accepts turns, in order of arrival. An accepted turn has, all or nothing: its request key, the user's
-- message, its reservation (each hold that binds fits its account, counting what earlier commands of the
-- batch were granted), its place in the session (RUNNING with a lease and fence 1, or QUEUED with fence 0)
-- and its outgoing event.
-- A turn that would run is refused where its session has outgoing events after the one it was planned with:
-- a turn has ended since, and the plan does not know its answer.
-- A request id known to the session answers EARLIER or KEY_REUSED; an earlier copy in the batch counts as
-- known once it was accepted. A reservation belongs to the period that is open for its tenant.
-- A hold that is not required and whose account has no row in the period is passed over.
-- Holds are flat lists in order of their commands: hold i belongs to command p_hold_commands[i].
-- Results are null where they would hold only DONE, or only nulls: the hot path's answer stays small.
-- Locks: none of its own, lock_tenants comes first.
-- Outcomes: 0 DONE (RUNNING), 1 QUEUED, 2 EARLIER (known_… tell the turn), 3 KEY_REUSED, 4 OVER_LIMIT
-- (refused_hold, and what was left), 5 SESSION_BUSY, 7 NOT_FOUND (the session; with refused_hold a required
-- account), 8 AGAIN (its tenant is locked elsewhere: nothing was done), 9 MOVED (its session has gone on).
create or replace function accept_batch(
    p_locked uuid[], p_owner uuid, p_lease interval, p_ceiling bigint,
    p_tenants uuid[], p_sessions uuid[], p_requests text[], p_digests bytea[],
    p_turns uuid[], p_capsules uuid[], p_messages uuid[], p_contents text[], p_terms bytea[],
    p_seconds double precision[], p_last_events bigint[],
    p_events uuid[], p_keys uuid[], p_types text[], p_traces text[], p_times bigint[], p_payloads bytea[],
    p_hold_commands integer[], p_hold_accounts uuid[], p_hold_metrics smallint[],
    p_hold_amounts bigint[], p_hold_required boolean[],
    out outcomes smallint[], out refused_holds integer[], out remaining bigint[],
    out earlier_turns uuid[], out lease_ms integer)
language plpgsql as $$
declare
    v_now         timestamptz := clock_timestamp();
    v_count       integer     := cardinality(p_turns);
    v_slots       integer[];                                  -- of each hold: its account row's index in
    v_available   bigint[];                                   -- these two; null when there is no such row
    v_taken       bigint[];
    v_open        boolean[]   := array_fill(null::boolean, array[v_count]);     -- of each seat (session)
    v_waiting     integer[]   := array_fill(0, array[v_count]);
    v_winners     integer[]   := array_fill(null::integer, array[v_count]);     -- of each request id
    v_first_holds integer[]   := array_fill(null::integer, array[v_count]);
    v_last_holds  integer[]   := array_fill(null::integer, array[v_count]);
    v_hold        integer     := 1;
    v_slot        integer;
    v_outcome     smallint;
    v_passed      boolean     := false;                       -- whether any hold was passed over
    v_others      boolean;                                    -- whether any event has another key
    c             record;
begin
    outcomes := array_fill(0::smallint, array[v_count]);
    refused_holds := array_fill(null::integer, array[v_count]);
    remaining := array_fill(null::bigint, array[v_count]);
    earlier_turns := array_fill(null::uuid, array[v_count]);

    with wanted as (
        select h.place, a.limit_amount - a.spent - a.held as available,
               case when a.tenant_id is not null
                    then dense_rank() over (order by a.tenant_id, a.account_id, a.metric)::integer end as slot
          from unnest(p_hold_commands, p_hold_accounts, p_hold_metrics) with ordinality
               h(command, account, metric, place)
          left join tenants n on n.tenant_id = p_tenants[h.command]
          left join accounts a on a.tenant_id = n.tenant_id and a.account_id = h.account
                              and a.metric = h.metric and a.period = n.period
    )
    select (select array_agg(slot order by place) from wanted),
           (select array_agg(available order by slot)
              from (select distinct slot, available from wanted where slot is not null) per_slot)
      into v_slots, v_available;
    v_taken := array_fill(0::bigint, array[coalesce(cardinality(v_available), 0)]);

    for c in
        select k.place::integer, k.tenant = any (p_locked) as locked, k.digest,
               dense_rank() over (order by k.tenant, k.session)::integer as seat,
               first_value(k.place) over (partition by k.tenant, k.session, k.request
                                              order by k.place)::integer as first_copy,
               r.turn_id as known_turn, r.digest as known_digest,
               s.open_turn is not null as open, cardinality(s.waiting) as waiting, s.max_waiting,
               s.event_sequence > k.last_event as moved
          from unnest(p_tenants, p_sessions, p_requests, p_digests, p_last_events) with ordinality
               k(tenant, session, request, digest, last_event, place)
          left join sessions s on s.tenant_id = k.tenant and s.session_id = k.session
                              and s.deleted_at is null
          left join turn_requests r on r.tenant_id = k.tenant and r.session_id = k.session
                                   and r.request_id = k.request
         order by k.place
    loop
        if v_winners[c.first_copy] is not null then
            c.known_turn := p_turns[v_winners[c.first_copy]];
            c.known_digest := p_digests[v_winners[c.first_copy]];
        end if;
        if v_open[c.seat] is null then
            v_open[c.seat] := c.open;
            v_waiting[c.seat] := c.waiting;
        end if;
        v_outcome := case
            when not c.locked then 8                                            -- AGAIN
            when c.known_turn is not null and c.known_digest = c.digest then 2  -- EARLIER
            when c.known_turn is not null then 3                                -- KEY_REUSED
            when c.waiting is null then 7                                       -- NOT_FOUND: the session
            when not v_open[c.seat] and c.moved then 9                          -- MOVED
            when not v_open[c.seat] then 0                                      -- DONE
            when v_waiting[c.seat] < c.max_waiting then 1                       -- QUEUED
            else 5 end;                                                         -- SESSION_BUSY

        v_first_holds[c.place] := v_hold;
        while p_hold_commands[v_hold] = c.place loop
            v_slot := v_slots[v_hold];
            if v_outcome <= 1 then
                if v_slot is null then
                    if p_hold_required[v_hold] then
                        v_outcome := 7;                                         -- NOT_FOUND: the account
                    else
                        v_passed := true;
                    end if;
                elsif v_taken[v_slot] + p_hold_amounts[v_hold] > v_available[v_slot] then
                    v_outcome := 4;                                             -- OVER_LIMIT
                else
                    v_taken[v_slot] := v_taken[v_slot] + p_hold_amounts[v_hold];
                end if;
                if v_outcome > 1 then
                    for i in v_first_holds[c.place] .. v_hold - 1 loop
                        if v_slots[i] is not null then
                            v_taken[v_slots[i]] := v_taken[v_slots[i]] - p_hold_amounts[i];
                        end if;
                    end loop;
                    refused_holds[c.place] := v_hold;
                    remaining[c.place] := v_available[v_slot] - v_taken[v_slot];
                end if;
            end if;
            v_hold := v_hold + 1;
        end loop;
        v_last_holds[c.place] := v_hold - 1;

        outcomes[c.place] := v_outcome;
        if v_outcome <= 1 then
            v_winners[c.first_copy] := c.place;
            v_open[c.seat] := true;
            v_waiting[c.seat] := v_waiting[c.seat] + v_outcome;
        elsif v_outcome = 2 then
            earlier_turns[c.place] := c.known_turn;
        end if;
    end loop;

    with accepted as (
        select k.*, v_first_holds[k.place] as first_hold, v_last_holds[k.place] as last_hold
          from unnest(p_tenants, p_sessions, p_turns, outcomes) with ordinality
               k(tenant, session, turn, outcome, place)
         where k.outcome <= 1
    ), reserved as (
        update accounts a set held = a.held + n.amount
          from (select k.tenant, h.account, h.metric, sum(h.amount) as amount
                  from unnest(p_hold_commands, p_hold_accounts, p_hold_metrics, p_hold_amounts)
                       h(command, account, metric, amount)
                  join accepted k on k.place = h.command
                 group by k.tenant, h.account, h.metric) n
          join tenants t on t.tenant_id = n.tenant
         where a.tenant_id = n.tenant and a.account_id = n.account and a.metric = n.metric
           and a.period = t.period
    ), seated as (
        update sessions s
           set open_turn = coalesce(s.open_turn, n.started), waiting = s.waiting || n.queued,
               event_sequence = s.event_sequence + n.events
          from (select tenant, session, count(*) filter (where p_keys[place] = session) as events,
                       (array_agg(turn) filter (where outcome = 0))[1] as started,
                       coalesce(array_agg(turn order by place) filter (where outcome = 1), '{}') as queued
                  from accepted group by tenant, session) n
         where s.tenant_id = n.tenant and s.session_id = n.session
        returning s.tenant_id, s.session_id, old.event_sequence
    ), keyed as (
        insert into turn_requests (tenant_id, session_id, request_id, digest, turn_id)
        select tenant, session, p_requests[place], p_digests[place], turn from accepted
    ), begun as (
        insert into turns (tenant_id, turn_id, session_id, capsule_version_id, state, owner_id, fence,
                           lease_until, sequence_ceiling, round, settlements, hold_period, hold_accounts,
                           hold_metrics, hold_amounts, question_id, terms, accepted_at, deadline_at)
        select k.tenant, k.turn, k.session, p_capsules[k.place], 2 - k.outcome, p_owner, 1 - k.outcome,
               case k.outcome when 0 then v_now + p_lease end, p_ceiling, 0, 0, n.period,
               case when v_passed then b.accounts else p_hold_accounts[first_hold:last_hold] end,
               case when v_passed then b.metrics else p_hold_metrics[first_hold:last_hold] end,
               case when v_passed then b.amounts else p_hold_amounts[first_hold:last_hold] end,
               p_messages[k.place], p_terms[k.place], v_now, v_now + make_interval(secs => p_seconds[k.place])
          from accepted k
          join tenants n on n.tenant_id = k.tenant
          left join lateral (
               select coalesce(array_agg(p_hold_accounts[i]), '{}') as accounts,
                      coalesce(array_agg(p_hold_metrics[i]), '{}') as metrics,
                      coalesce(array_agg(p_hold_amounts[i]), '{}') as amounts
                 from generate_series(first_hold, last_hold) i
                where v_slots[i] is not null) b on v_passed
    ), asked as (
        insert into messages (tenant_id, message_id, session_id, turn_id, role, content, created_at)
        select tenant, p_messages[place], session, turn, 0, p_contents[place], v_now from accepted
    ), announced as (
        insert into outbox (tenant_id, event_id, key_id, sequence, type, traceparent, payload, occurred_at,
                            created_at)
        select k.tenant, p_events[k.place], k.session,
               s.event_sequence + row_number() over (partition by k.tenant, k.session order by k.place),
               p_types[k.place], p_traces[k.place], p_payloads[k.place], instant_of(p_times[k.place]), v_now
          from accepted k
          join seated s on s.tenant_id = k.tenant and s.session_id = k.session
         where p_keys[k.place] = k.session
    )
    select bool_or(p_keys[place] <> session) into v_others from accepted;

    if v_others then
        perform announce(array_agg(k.tenant order by k.place), array_agg(p_events[k.place] order by k.place),
                         array_agg(p_keys[k.place] order by k.place),
                         array_agg(p_types[k.place] order by k.place),
                         array_agg(p_traces[k.place] order by k.place),
                         array_agg(p_times[k.place] order by k.place),
                         array_agg(p_payloads[k.place] order by k.place))
           from unnest(p_tenants, p_sessions, outcomes) with ordinality k(tenant, session, outcome, place)
          where k.outcome <= 1 and p_keys[k.place] <> k.session;
    end if;

    lease_ms := lease_left(v_now + p_lease);
    if 0 = all (outcomes) then
        outcomes := null;
        refused_holds := null;
        remaining := null;
        earlier_turns := null;
    end if;
end $$;
