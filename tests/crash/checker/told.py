"""Every fact is told: of each call how it ended, of each wait who decides, of each turn its way."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.tools.invocation import InvocationState
from somagent.events.v1 import events_pb2
from tests.crash.checker.ground import Ground, last_of
from tests.crash.checker.violation import Kind, Violation

_INVOKED: Final = """
    select payload from outbox where tenant_id = any (%(tenants)s) and type = 'tool.invoked'
    order by tenant_id, key_id, sequence
"""

_REQUESTED: Final = """
    select payload from outbox where tenant_id = any (%(tenants)s) and type = 'approval.requested'
"""

_CALLS: Final = """
    select i.invocation_id, i.turn_id, i.round, i.state, i.resolved_by <> '',
        i.expires_at is not null, coalesce(t.state = 4, false)
    from invocations i
    left join turns t on t.tenant_id = i.tenant_id and t.turn_id = i.turn_id
    where i.tenant_id = any (%(tenants)s)
"""

_TURNS: Final = """
    select turn_id, state from turns where tenant_id = any (%(tenants)s)
"""

_WAY: Final = """
    select type, payload from outbox
    where tenant_id = any (%(tenants)s) and type = any (%(types)s)
    order by tenant_id, key_id, sequence
"""

Step = (
    type[events_pb2.TurnAccepted]
    | type[events_pb2.TurnPaused]
    | type[events_pb2.TurnResumed]
    | type[events_pb2.TurnCompleted]
    | type[events_pb2.TurnFailed]
    | type[events_pb2.TurnCancelled]
)

_STEPS: Final[Mapping[str, Step]] = {
    "turn.accepted": events_pb2.TurnAccepted,
    "turn.paused": events_pb2.TurnPaused,
    "turn.resumed": events_pb2.TurnResumed,
    "turn.completed": events_pb2.TurnCompleted,
    "turn.failed": events_pb2.TurnFailed,
    "turn.cancelled": events_pb2.TurnCancelled,
}

_ENDS: Final = {4: "completed", 5: "failed", 6: "cancelled"}

_RAN: Final = (InvocationState.SUCCEEDED, InvocationState.FAILED, InvocationState.UNKNOWN)

_OPEN: Final = (
    InvocationState.PENDING_APPROVAL,
    InvocationState.PERMITTED,
    InvocationState.STARTED,
)


@dataclass(frozen=True, slots=True)
class Row:
    """What is stored of a call; one is `whole` whose turn was completed."""

    invocation: UUID
    turn: UUID | None
    round: int
    state: InvocationState
    resolved: bool
    waited: bool
    whole: bool

    def may_be_told(self, told: Sequence[InvocationState]) -> bool:
        """Whether that, in this order, is what others are to know of its end.

        One that nobody could go on with is told of by the end of its turn; what was decided about
        one by itself that did not run is told as the decision.
        """
        if self.state in _OPEN:
            return not told
        if self.resolved:
            return list(told) == [InvocationState.UNKNOWN, self.state]
        if self.state in _RAN or self.whole:
            return list(told) == [self.state]
        if self.turn is None:
            return list(told) == [self.state] * (self.state is InvocationState.DENIED)
        return list(told) in ([], [self.state])


def check_told(ground: Ground) -> Iterator[Violation]:
    """Invariant 8 from the side of those who read the topics: nothing that happened is left out."""
    rows = [
        Row(invocation, turn, number, InvocationState(code), resolved, waited, whole)
        for invocation, turn, number, code, resolved, waited, whole in ground.rows(_CALLS)
    ]
    yield from _check_invoked(ground, rows)
    yield from _check_requested(ground, rows)
    yield from _check_ways(ground, rows)


def _check_invoked(ground: Ground, rows: Sequence[Row]) -> Iterator[Violation]:
    told: dict[UUID, list[InvocationState]] = {}
    for (payload,) in ground.rows(_INVOKED):
        one = events_pb2.ToolInvoked.FromString(payload)
        told.setdefault(last_of(one.invocation), []).append(InvocationState(one.state))
    for row in rows:
        found = told.get(row.invocation, [])
        if not row.may_be_told(found):
            names = ", ".join(state.name for state in found) or "nothing"
            kind = Kind.LOST if len(found) <= int(row.resolved) else Kind.DOUBLED
            what = f"call {row.invocation} of {row.turn} is {row.state.name}"
            yield Violation(kind, f"{what}, and `tool.invoked` told {names}")


def _check_requested(ground: Ground, rows: Sequence[Row]) -> Iterator[Violation]:
    told = Counter(
        last_of(events_pb2.ApprovalRequested.FromString(payload).invocation)
        for (payload,) in ground.rows(_REQUESTED)
    )
    for row in rows:
        times, meant = told[row.invocation], int(row.waited)
        if times != meant:
            kind = Kind.LOST if times < meant else Kind.DOUBLED
            yield Violation(kind, f"call {row.invocation}: {times} times a person was asked for")


def _check_ways(ground: Ground, rows: Sequence[Row]) -> Iterator[Violation]:
    """A turn is accepted, pauses once for each round that waits, goes on from it, and ends."""
    ways: dict[UUID, list[str]] = {}
    for kind, payload in ground.rows(_WAY, {"types": list(_STEPS)}):
        told = _STEPS[kind].FromString(payload)
        ways.setdefault(last_of(told.turn), []).append(kind.removeprefix("turn."))
    rounds = {(row.turn, row.round) for row in rows if row.waited and row.turn is not None}
    pauses = Counter(turn for turn, _ in rounds)
    for turn, state in ground.rows(_TURNS):
        way = ways.get(turn, [])
        end = [_ENDS[state]] if state in _ENDS else []
        meant = ["accepted", *("paused", "resumed") * pauses[turn], *end]
        # One that is ended while it is paused does not go on before.
        idle = ["accepted", *("paused", "resumed") * (pauses[turn] - 1), "paused", *end]
        if way != meant and (way != idle or not pauses[turn]):
            kind = Kind.DOUBLED if len(way) > len(meant) else Kind.LOST
            what = f"turn {turn} (state {state}) paused {pauses[turn]} times"
            yield Violation(kind, f"{what}, and told is: {' '.join(way) or 'nothing'}")
