-- Extends running turns by a round, in order of arrival: the reservation by holds that must fit where they
-- bind (an extension holds in the period of its reservation), the calls of tools that travel with it, what
-- the turn has done so far, and a renewed lease.
-- Round r + 1 follows round r; a round that was committed before answers EARLIER and what is left of the
-- lease. The turns of a batch are distinct. Holds are flat lists in order of their commands.
-- Locks: after lock_tenants the turn rows, sorted.
-- Outcomes: 0 DONE, 2 EARLIER, 4 OVER_LIMIT (refused_hold, and what was left), 6 STALE_FENCE (no such turn,
-- not running, another fence, a round was left out), 7 NOT_FOUND (a required account), 8 AGAIN.
create or replace function extend_batch(
    p_locked uuid[], p_lease interval,
    p_tenants uuid[], p_turns uuid[], p_fences bigint[], p_rounds integer[],
    p_checkpoints bytea[],
    p_hold_commands integer[], p_hold_accounts uuid[], p_hold_metrics smallint[],
    p_hold_amounts bigint[], p_hold_required boolean[], p_invocations json,
    out outcomes smallint[], out refused_holds integer[], out remaining bigint[], out leases integer[],
    out lease_ms integer)
language plpgsql as $$
declare
    v_count       integer := cardinality(p_turns);
    v_now         timestamptz;
    v_slots       integer[];                                  -- as in accept_batch
    v_available   bigint[];
    v_taken       bigint[];
    v_hold        integer := 1;
    v_first_hold  integer;
    v_slot        integer;
    v_outcome     smallint;
    c             record;
begin
    outcomes := array_fill(0::smallint, array[v_count]);
    refused_holds := array_fill(null::integer, array[v_count]);
    remaining := array_fill(null::bigint, array[v_count]);
    leases := array_fill(null::integer, array[v_count]);

    perform from turns t
       join unnest(p_tenants, p_turns) k(tenant, turn) on t.tenant_id = k.tenant and t.turn_id = k.turn
      order by t.tenant_id, t.turn_id
        for no key update of t;
    v_now := clock_timestamp();

    with wanted as (
        select h.place, a.limit_amount - a.spent - a.held as available,
               case when a.tenant_id is not null
                    then dense_rank() over (order by a.tenant_id, a.account_id, a.metric, a.period)::integer
                    end as slot
          from unnest(p_hold_commands, p_hold_accounts, p_hold_metrics) with ordinality
               h(command, account, metric, place)
          left join turns t on t.tenant_id = p_tenants[h.command] and t.turn_id = p_turns[h.command]
          left join accounts a on a.tenant_id = t.tenant_id and a.account_id = h.account
                              and a.metric = h.metric and a.period = t.hold_period
    )
    select (select array_agg(slot order by place) from wanted),
           (select array_agg(available order by slot)
              from (select distinct slot, available from wanted where slot is not null) per_slot)
      into v_slots, v_available;
    v_taken := array_fill(0::bigint, array[coalesce(cardinality(v_available), 0)]);

    for c in
        select k.place::integer, k.tenant = any (p_locked) as locked, k.fence, k.round,
               t.fence as turn_fence, t.round as turn_round, t.state, t.lease_until
          from unnest(p_tenants, p_turns, p_fences, p_rounds) with ordinality
               k(tenant, turn, fence, round, place)
          left join turns t on t.tenant_id = k.tenant and t.turn_id = k.turn
         order by k.place
    loop
        v_outcome := case
            when not c.locked then 8                                            -- AGAIN
            when c.state is distinct from 2 or c.fence <> c.turn_fence then 6   -- STALE_FENCE
            when c.round <= c.turn_round then 2                                 -- EARLIER
            when c.round > c.turn_round + 1 then 6                              -- a round was left out
            else 0 end;                                                         -- DONE

        v_first_hold := v_hold;
        while p_hold_commands[v_hold] = c.place loop
            v_slot := v_slots[v_hold];
            if v_outcome = 0 then
                if v_slot is null then
                    if p_hold_required[v_hold] then
                        v_outcome := 7;                                         -- NOT_FOUND: the account
                    end if;
                elsif v_taken[v_slot] + p_hold_amounts[v_hold] > v_available[v_slot] then
                    v_outcome := 4;                                             -- OVER_LIMIT
                else
                    v_taken[v_slot] := v_taken[v_slot] + p_hold_amounts[v_hold];
                end if;
                if v_outcome > 0 then
                    for i in v_first_hold .. v_hold - 1 loop
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
        outcomes[c.place] := v_outcome;
        if v_outcome = 2 then
            leases[c.place] := lease_left(c.lease_until);
        end if;
    end loop;

    with granted as (
        select h.command, h.account, h.metric, h.amount, t.tenant_id, t.turn_id, t.hold_period
          from unnest(p_hold_commands, p_hold_accounts, p_hold_metrics, p_hold_amounts, v_slots)
               h(command, account, metric, amount, slot)
          join turns t on t.tenant_id = p_tenants[h.command] and t.turn_id = p_turns[h.command]
         where outcomes[h.command] = 0 and h.slot is not null
    ), reserved as (
        update accounts a set held = a.held + n.amount
          from (select tenant_id, account, metric, hold_period, sum(amount) as amount
                  from granted group by tenant_id, account, metric, hold_period) n
         where a.tenant_id = n.tenant_id and a.account_id = n.account and a.metric = n.metric
           and a.period = n.hold_period
    )
    update turns t
       set round = k.round, checkpoint = p_checkpoints[k.place], lease_until = v_now + p_lease, awaits_driver = false, take_overs = 0,
           (hold_accounts, hold_metrics, hold_amounts) = (
               select coalesce(array_agg(account), '{}'), coalesce(array_agg(metric), '{}'),
                      coalesce(array_agg(amount), '{}')
                 from (select account, metric, sum(amount)::bigint as amount
                         from (select account, metric, amount
                                 from unnest(t.hold_accounts, t.hold_metrics, t.hold_amounts)
                                      h(account, metric, amount)
                                union all
                               select account, metric, amount from granted where command = k.place) lines
                        group by account, metric) summed)
      from unnest(p_tenants, p_turns, p_rounds, outcomes) with ordinality
           k(tenant, turn, round, outcome, place)
     where t.tenant_id = k.tenant and t.turn_id = k.turn and k.outcome = 0;

    if p_invocations is not null then
        perform write_invocations(p_tenants, p_turns, outcomes, p_invocations);
    end if;

    lease_ms := lease_left(v_now + p_lease);
    if 0 = all (outcomes) then
        outcomes := null;
        refused_holds := null;
        remaining := null;
        leases := null;
    end if;
end $$;
