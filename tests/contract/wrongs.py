"""Wrong states, put past every port into each store of the kernel."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Final, Protocol, final

from adapters.inmemory.store import InMemoryStore, StoredInvocation
from domain.conversation.turn import TurnState
from domain.kernel.identifiers import InvocationId, ReservationId, TenantId, TurnId
from domain.kernel.metering import Metric
from domain.operations.finding import FindingKind
from domain.tools.invocation import InvocationState
from tests.builders import invocation
from tests.contract.postgres_snapshot import Superuser
from tests.fakes import StoppedClock

LONG: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenery:
    """A tenant with a turn that runs, one that was completed, a reservation and a new call.

    `settled` is a reservation that was settled by itself, `called` a call that was made by itself.
    """

    tenant_id: TenantId
    running: TurnId
    ended: TurnId
    reservation_id: ReservationId
    call_id: InvocationId
    settled: ReservationId
    called: InvocationId


class Planter(Protocol):
    """Spoils a store in one way."""

    async def plant(self, kind: FindingKind, scenery: Scenery) -> None: ...

    async def unbear(self, scenery: Scenery) -> None:
        """Let no account bear what the completed turn has used: sums and lines agree."""
        ...


@final
@dataclass(frozen=True, slots=True)
class InMemoryPlanter:
    store: InMemoryStore
    clock: StoppedClock

    async def plant(self, kind: FindingKind, scenery: Scenery) -> None:
        _IN_MEMORY[kind](self.store, self.clock, scenery)

    async def unbear(self, scenery: Scenery) -> None:
        for number, line in enumerate(self.store.ledger):
            if line.settlement.reference_id == scenery.ended:
                for account_id in line.accounts:
                    period = line.settlement.period
                    place = scenery.tenant_id, account_id, line.use.metric, period
                    balance = self.store.balances[place]
                    less = replace(balance, spent=balance.spent - line.use.amount)
                    self.store.balances[place] = less
                self.store.ledger[number] = replace(line, accounts=frozenset())


def _turn_overdue(store: InMemoryStore, clock: StoppedClock, scenery: Scenery) -> None:
    place = scenery.tenant_id, scenery.running
    stored = store.turns[place]
    over = replace(stored.turn, deadline_at=clock.now() - LONG)
    store.turns[place] = replace(stored, turn=over)


def _reservation_overdue(store: InMemoryStore, clock: StoppedClock, scenery: Scenery) -> None:
    place = scenery.tenant_id, scenery.reservation_id
    kept = store.reservations[place]
    over = replace(kept.reservation, expires_at=clock.now() - LONG)
    store.reservations[place] = replace(kept, reservation=over)


def _call(store: InMemoryStore, scenery: Scenery, turn_id: TurnId | None) -> StoredInvocation:
    call = invocation(
        invocation_id=scenery.call_id,
        tenant_id=scenery.tenant_id,
        turn_id=turn_id,
        state=InvocationState.STARTED,
    )
    kept = StoredInvocation(invocation=call)
    store.invocations[scenery.tenant_id, scenery.call_id] = kept
    return kept


def _call_overdue(store: InMemoryStore, clock: StoppedClock, scenery: Scenery) -> None:
    over = clock.monotonic() - LONG.total_seconds()
    kept = replace(_call(store, scenery, None), lease_until=over)
    store.invocations[scenery.tenant_id, scenery.call_id] = kept


def _balances(store: InMemoryStore, scenery: Scenery, *, held: int, spent: int) -> None:
    for place, balance in store.balances.items():
        if place[0] == scenery.tenant_id and place[2] is Metric.TOKENS:
            store.balances[place] = replace(
                balance, held=balance.held + held, spent=balance.spent + spent
            )


def _usage_unequal(store: InMemoryStore, clock: StoppedClock, scenery: Scenery) -> None:
    del clock
    for number, line in enumerate(store.ledger):
        if line.settlement.reference_id == scenery.ended:
            used = replace(line.use, amount=line.use.amount + 1)
            store.ledger[number] = replace(line, use=used)
    _balances(store, scenery, held=0, spent=1)


def _turn_unrecorded(store: InMemoryStore, clock: StoppedClock, scenery: Scenery) -> None:
    del clock
    place = scenery.tenant_id, scenery.ended
    stored = store.turns[place]
    store.turns[place] = replace(stored, turn=replace(stored.turn, record_id=None))


def _event_missing(store: InMemoryStore, clock: StoppedClock, scenery: Scenery) -> None:
    del clock
    for (owner, _), events in store.outbox.items():
        if owner == scenery.tenant_id:
            del events[1]


def _record_missing(store: InMemoryStore, clock: StoppedClock, scenery: Scenery) -> None:
    del clock
    for place, record in store.records.items():
        if place[0] == scenery.tenant_id:
            store.records[place] = replace(record, position=record.position + 1)


_IN_MEMORY: Final[Mapping[FindingKind, Callable[[InMemoryStore, StoppedClock, Scenery], None]]] = (
    MappingProxyType(
        {
            FindingKind.TURN_OVERDUE: _turn_overdue,
            FindingKind.RESERVATION_OVERDUE: _reservation_overdue,
            FindingKind.CALL_OVERDUE: _call_overdue,
            FindingKind.HELD_UNEQUAL: lambda store, _, scenery: _balances(
                store, scenery, held=7, spent=0
            ),
            FindingKind.SPENT_UNEQUAL: lambda store, _, scenery: _balances(
                store, scenery, held=0, spent=7
            ),
            FindingKind.USAGE_UNEQUAL: _usage_unequal,
            FindingKind.TURN_UNRECORDED: _turn_unrecorded,
            FindingKind.CALL_UNENDED: lambda store, _, scenery: _forget(
                _call(store, scenery, scenery.ended)
            ),
            FindingKind.CALL_WITHOUT_TURN: lambda store, _, scenery: _forget(
                _call(store, scenery, TurnId(scenery.call_id))
            ),
            FindingKind.EVENT_MISSING: _event_missing,
            FindingKind.RECORD_MISSING: _record_missing,
        }
    )
)


def _forget(_: StoredInvocation) -> None:
    """What was planted is not looked at again."""


@final
@dataclass(frozen=True, slots=True)
class PostgresPlanter:
    superuser: Superuser

    async def plant(self, kind: FindingKind, scenery: Scenery) -> None:
        await self.superuser.execute(
            _SQL[kind].encode(),
            {
                "tenant": scenery.tenant_id,
                "running": scenery.running,
                "ended": scenery.ended,
                "reservation": scenery.reservation_id,
                "call": scenery.call_id,
                "final": [state.value for state in TurnState if state.final],
            },
        )

    async def unbear(self, scenery: Scenery) -> None:
        named = {"tenant": scenery.tenant_id, "ended": scenery.ended}
        await self.superuser.execute(_UNBEAR, named)


_UNBEAR: Final = b"""
    with line as (
        update ledger set accounts = '{}'
         where tenant_id = %(tenant)s and reference_id = %(ended)s
        returning old.accounts, metric, period, amount)
    update accounts a set spent = a.spent - l.amount
      from line l
     where a.tenant_id = %(tenant)s and a.account_id = any (l.accounts) and a.metric = l.metric
       and a.period = l.period
"""

_CALL: Final = """
    insert into invocations (tenant_id, invocation_id, turn_id, round, call_id, tool, arguments,
                             digest, effect, state, permit, result, reason, requested_by,
                             created_at, lease_until)
    values (%(tenant)s, %(call)s, {turn}, 1, 'c', 'notes', '{{}}', '', true, 3, '', '', '', 'ada',
            now(), {lease})
"""

_SQL: Final[Mapping[FindingKind, str]] = MappingProxyType(
    {
        FindingKind.TURN_OVERDUE: """
            update turns set deadline_at = now() - interval '1 day'
             where tenant_id = %(tenant)s and turn_id = %(running)s""",
        FindingKind.RESERVATION_OVERDUE: """
            update reservations set expires_at = now() - interval '1 day'
             where tenant_id = %(tenant)s and reservation_id = %(reservation)s""",
        FindingKind.CALL_OVERDUE: _CALL.format(turn="null", lease="now() - interval '1 day'"),
        FindingKind.EVENT_OVERDUE: """
            update outbox set created_at = now() - interval '1 day'
             where tenant_id = %(tenant)s""",
        FindingKind.RECORD_OVERDUE: """
            update records set created_at = now() - interval '1 day'
             where tenant_id = %(tenant)s""",
        FindingKind.HELD_UNEQUAL: """
            update accounts set held = held + 7 where tenant_id = %(tenant)s and metric = 1""",
        FindingKind.SPENT_UNEQUAL: """
            update accounts set spent = spent + 7 where tenant_id = %(tenant)s and metric = 1""",
        FindingKind.USAGE_UNEQUAL: """
            with more as (
                update ledger set amount = amount + 1
                 where tenant_id = %(tenant)s and reference_id = %(ended)s)
            update accounts set spent = spent + 1 where tenant_id = %(tenant)s and metric = 1""",
        FindingKind.TURN_UNRECORDED: """
            update turns set record_id = null
             where tenant_id = %(tenant)s and turn_id = %(ended)s and state = any (%(final)s)""",
        FindingKind.CALL_UNENDED: _CALL.format(turn="%(ended)s", lease="null"),
        FindingKind.CALL_WITHOUT_TURN: _CALL.format(turn="%(call)s", lease="null"),
        FindingKind.EVENT_MISSING: """
            delete from outbox where tenant_id = %(tenant)s and sequence = 2""",
        FindingKind.RECORD_MISSING: """
            update tenants set record_position = record_position + 1
             where tenant_id = %(tenant)s""",
    }
)
