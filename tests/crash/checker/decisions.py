"""Nothing that waits for a person begins before that person has decided, or against it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from domain.tools.invocation import InvocationState
from somagent.events.v1 import events_pb2
from somagent.tools.v1 import tools_pb2
from tests.crash.checker.calls import BREAKER, RUN, Call, calls_of
from tests.crash.checker.ground import Ground, last_of
from tests.crash.checker.violation import Kind, Violation

_FACTS: Final = """
    select key_id, sequence, type, payload from outbox
    where tenant_id = any (%(tenants)s)
      and type in ('approval.decided', 'turn.resumed', 'tool.invoked')
"""

Place = tuple[UUID, int]
"""A key of events, and the number in it, which is given in the order of commits."""


@dataclass(slots=True)
class Facts:
    """Where it is told what became of calls, and that turns went on."""

    approved: dict[UUID, list[Place]] = field(default_factory=dict[UUID, list[Place]])
    expired: dict[UUID, list[Place]] = field(default_factory=dict[UUID, list[Place]])
    invoked: dict[UUID, list[Place]] = field(default_factory=dict[UUID, list[Place]])
    resumed: dict[UUID, list[Place]] = field(default_factory=dict[UUID, list[Place]])


def check_decisions(ground: Ground) -> Iterator[Violation]:
    """Invariant 4 from the side of those who are asked."""
    calls, facts = calls_of(ground), _facts_of(ground)
    rejected = {one.ident for one in ground.evidence.asked if one.rejects}
    waits = {one.ident for one in ground.evidence.called if one.asks}
    withdrawn = {one.ident for one in ground.evidence.called if one.withdrawn}
    forsaken = {last_of(name) for name in ground.evidence.forsaken}
    for call in calls:
        if BREAKER in call.result:  # before anybody was asked
            continue
        ident = call.text.split()[2]
        if (call.asks or ident in waits) and call.known in RUN:
            yield from _check_order(ground, call, facts)
        if ident in withdrawn and call.known in RUN:
            yield Violation(Kind.DOUBLED, f"{call} was made under a capsule that was withdrawn")
        yield from _check_rejected(call, rejected=ident in rejected)
        if call.invocation in forsaken:
            yield from _check_forsaken(call, facts)


def _check_rejected(call: Call, *, rejected: bool) -> Iterator[Violation]:
    """What its person has rejected is not made, and nothing else is rejected."""
    if not rejected:
        if call.known is InvocationState.REJECTED:
            yield Violation(Kind.LOST, f"{call} is rejected, and nobody had said so")
    elif call.known in RUN or (call.whole and call.known is not InvocationState.REJECTED):
        yield Violation(Kind.DOUBLED, f"{call} was rejected by its person")


def _facts_of(ground: Ground) -> Facts:
    facts = Facts()
    for key, sequence, kind, payload in ground.rows(_FACTS):
        where, name = _told(facts, str(kind), payload)
        if where is not None:
            where.setdefault(last_of(name), []).append((key, sequence))
    return facts


def _told(facts: Facts, kind: str, payload: bytes) -> tuple[dict[UUID, list[Place]] | None, str]:
    """Where an event belongs, and what it tells of."""
    if kind == "turn.resumed":
        return facts.resumed, events_pb2.TurnResumed.FromString(payload).turn
    if kind == "tool.invoked":
        return facts.invoked, events_pb2.ToolInvoked.FromString(payload).invocation
    told = events_pb2.ApprovalDecided.FromString(payload)
    decided: Mapping[int, dict[UUID, list[Place]]] = {
        tools_pb2.INVOCATION_STATE_PERMITTED: facts.approved,
        tools_pb2.INVOCATION_STATE_EXPIRED: facts.expired,
    }
    return decided.get(told.state), told.invocation


def _check_order(ground: Ground, call: Call, facts: Facts) -> Iterator[Violation]:
    """A call that was made was approved once, before: by the order of commits, and by the time.

    The commit that starts a call of a turn comes after the one that lets its turn go on; the one
    that ends a call comes after it, and tells of it. A tool over HTTP knows when it was called, by
    the clock of the machine that the database is on as well.
    """
    approved = facts.approved.get(call.invocation, [])
    if call.decided is None or len(approved) != 1:
        what = f"{call} was made; {len(approved)} approvals of it are told"
        yield Violation(Kind.DOUBLED, f"{what}, and its person decided at {call.decided}")
        return
    (key, decided), early = approved[0], f"{call} was made before its person had decided"
    for other, ended in facts.invoked.get(call.invocation, ()):
        resumed = [
            number
            for where, number in facts.resumed.get(call.turn or call.invocation, ())
            if where == key and decided < number < ended
        ]
        if other != key or ended < decided or (call.turn is not None and not resumed):
            yield Violation(Kind.DOUBLED, f"{early}: {decided}, {resumed}, {ended} of key {key}")
    came = ground.evidence.tools.came.get(str(call.invocation))
    if came is not None and came < call.decided:
        yield Violation(Kind.DOUBLED, f"{early}: its tool was called at {came}")


def _check_forsaken(call: Call, facts: Facts) -> Iterator[Violation]:
    """Where nobody decides, a call expires when its time is over, and others are told so once."""
    told = len(facts.expired.get(call.invocation, ()))
    if call.known is not InvocationState.EXPIRED or told != 1:
        kind = Kind.DOUBLED if told > 1 or call.known in RUN else Kind.STUCK
        yield Violation(kind, f"nobody decided about {call}; {told} times it is told to be expired")
