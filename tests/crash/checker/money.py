"""Limits hold, sums agree, everything is billed once, and nothing is held when all is over."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from somagent.budget.v1 import budget_pb2
from somagent.events.v1 import events_pb2
from tests.crash.checker.ground import Ground, last_of
from tests.crash.checker.violation import Kind, Violation

SESSIONS: Final = int(budget_pb2.METRIC_SESSIONS)
"""Levels, not sums: a session counts for as long as it is open. It has no line, and no bill."""

_OVER: Final = """
    select tenant_id, account_id, metric, spent, held, overrun, limit_amount from accounts
    where tenant_id = any (%(tenants)s) and limit_amount is not null
      and spent + held - overrun > limit_amount
"""

_HELD: Final = """
    select tenant_id, account_id, metric, held from accounts
    where tenant_id = any (%(tenants)s) and held <> 0 and metric <> %(sessions)s
"""

_OPEN_SESSIONS: Final = """
    select a.tenant_id, a.spent, (select count(*) from sessions s
        where s.tenant_id = a.tenant_id and s.deleted_at is null) as open
    from accounts a where a.tenant_id = any (%(tenants)s) and a.metric = %(sessions)s
"""

_SUMS: Final = """
    with lines as (
        select tenant_id, unnest(accounts) as account_id, metric, period, amount from ledger
        where tenant_id = any (%(tenants)s)
    ), sums as (
        select tenant_id, account_id, metric, period, sum(amount)::bigint as used from lines
        group by 1, 2, 3, 4
    )
    select coalesce(a.tenant_id, s.tenant_id), coalesce(a.account_id, s.account_id),
        coalesce(a.metric, s.metric), coalesce(a.spent, 0), coalesce(s.used, 0)
    from (select * from accounts where tenant_id = any (%(tenants)s)) a
    full join sums s using (tenant_id, account_id, metric, period)
    where coalesce(a.spent, 0) <> coalesce(s.used, 0)
      and coalesce(a.metric, s.metric) <> %(sessions)s
"""

_UNBORNE: Final = """
    select l.reference_id, l.metric, l.amount from ledger l
    join accounts a on a.tenant_id = l.tenant_id and a.account_id = l.tenant_id
        and a.metric = l.metric and a.period = l.period and a.opened_at <= l.created_at
    where l.tenant_id = any (%(tenants)s) and l.amount > 0 and l.tenant_id <> all (l.accounts)
"""
"""What a tenant used beside its own limit: it would agree with every sum."""

_OVERRUNS: Final = """
    select coalesce(a.tenant_id, o.tenant_id), coalesce(a.account_id, o.account_id),
        coalesce(a.metric, o.metric), coalesce(a.overrun, 0), coalesce(o.overrun, 0)
    from (select tenant_id, account_id, metric, sum(overrun)::bigint as overrun from accounts
        where tenant_id = any (%(tenants)s) and overrun <> 0 group by 1, 2, 3) a
    full join (select tenant_id, account_id, metric, sum(amount)::bigint as overrun from overruns
        where tenant_id = any (%(tenants)s) group by 1, 2, 3) o
        using (tenant_id, account_id, metric)
    where coalesce(a.overrun, 0) <> coalesce(o.overrun, 0)
"""

_UNJUSTIFIED: Final = """
    select o.reference_id, o.metric, o.amount from overruns o
    left join turns t on t.tenant_id = o.tenant_id and t.turn_id = o.reference_id
    where o.tenant_id = any (%(tenants)s) and not coalesce(
        (convert_from(t.outcome, 'UTF8')::json -> 'usage' ->> 'estimated')::boolean, false)
"""
"""Clients settle what they reserved, and a provider keeps to what it was allowed: only a turn in
which something had to be estimated may come to more than was reserved for it."""

_RESERVED: Final = """
    select reservation_id, expires_at from reservations
    where tenant_id = any (%(tenants)s) and state = 1 and expires_at < clock_timestamp()
"""

_HELD_BY_TURNS: Final = """
    select turn_id, state, hold_amounts from turns
    where tenant_id = any (%(tenants)s) and state > 2 and 0 < any (hold_amounts)
"""

_LEDGER: Final = """
    select reference_id, metric, sum(amount)::bigint from ledger
    where tenant_id = any (%(tenants)s) group by 1, 2
"""

_FACTS: Final = """
    select event_id, payload from outbox
    where tenant_id = any (%(tenants)s) and type = 'usage.recorded'
"""


def check_money(ground: Ground) -> Iterator[Violation]:
    """Invariants 1 and 2."""
    named = {"sessions": SESSIONS}
    for tenant, account, metric, spent, held, overrun, limit in ground.rows(_OVER):
        yield Violation(
            Kind.OVERSPENT,
            f"{ground.slug(tenant)}, account {account}, metric {metric}: {spent} spent, {held} "
            f"held, {overrun} overrun, limit {limit}",
        )
    for tenant, account, metric, held in ground.rows(_HELD, named):
        yield Violation(
            Kind.STUCK,
            f"{ground.slug(tenant)}, account {account}, metric {metric}: {held} is still held",
        )
    for tenant, counted, sessions in ground.rows(_OPEN_SESSIONS, named):
        if counted != sessions:
            what = f"{ground.slug(tenant)} counts {counted} sessions, {sessions} are open"
            yield Violation(Kind.STUCK, what)
    for tenant, account, metric, spent, used in ground.rows(_SUMS, named):
        yield Violation(
            Kind.OVERSPENT,
            f"{ground.slug(tenant)}, account {account}, metric {metric}: {spent} spent, the "
            f"ledger has {used}",
        )
    yield from _check_overruns(ground)
    for reservation, expired in ground.rows(_RESERVED):
        yield Violation(Kind.STUCK, f"reservation {reservation} ran out at {expired}")
    for turn, state, amounts in ground.rows(_HELD_BY_TURNS):
        yield Violation(Kind.STUCK, f"turn {turn} in state {state} holds {amounts}")
    yield from _check_bills(ground)


def _check_overruns(ground: Ground) -> Iterator[Violation]:
    """What is allowed beyond limits is what settlements came to that could not be foreseen."""
    for reference, metric, amount in ground.rows(_UNBORNE):
        what = f"{reference} used {amount} of metric {metric}, and its tenant's account has none"
        yield Violation(Kind.OVERSPENT, what)
    for tenant, account, metric, overrun, parts in ground.rows(_OVERRUNS):
        yield Violation(
            Kind.OVERSPENT,
            f"{ground.slug(tenant)}, account {account}, metric {metric}: {overrun} overrun, its "
            f"settlements have {parts}",
        )
    for reference, metric, amount in ground.rows(_UNJUSTIFIED):
        what = f"{reference} overran metric {metric} by {amount}, and nothing of it was estimated"
        yield Violation(Kind.OVERSPENT, what)


def _check_bills(ground: Ground) -> Iterator[Violation]:
    """What is billed for each turn, call and reservation is what its ledger lines say."""
    billed: dict[tuple[UUID, int], int] = {}
    for event, payload in ground.rows(_FACTS):
        fact = events_pb2.UsageRecorded.FromString(payload)
        names = [name for name in (fact.turn, fact.invocation, fact.reservation) if name]
        if len(names) != 1:
            yield Violation(Kind.LOST, f"usage {event} names {names} as what used it")
            continue
        for line in fact.lines:
            key = (last_of(names[0]), int(line.quantity.metric))
            billed[key] = billed.get(key, 0) + line.quantity.amount
    written: dict[tuple[UUID, int], int] = {
        (reference, metric): amount for reference, metric, amount in ground.rows(_LEDGER)
    }
    for key in sorted(billed.keys() | written.keys(), key=str):
        bill, used = billed.get(key, 0), written.get(key, 0)
        if bill != used:
            kind = Kind.DOUBLED if bill > used else Kind.LOST
            yield Violation(kind, f"{key[0]}, metric {key[1]}: {bill} billed, {used} used")
