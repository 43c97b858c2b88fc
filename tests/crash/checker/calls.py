"""Every call that a message asked for was made, and has an excuse where it did not succeed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson

from application.conversation.phases.tool_round import NOT_BEGUN
from domain.tools.invocation import MOST_TAKEOVERS, InvocationState
from tests.crash.acting.actor import ASKING, CAUTIOUS
from tests.crash.checker.ground import Ground
from tests.crash.checker.violation import Kind, Violation
from tests.crash.script import KINDS, NOTE, deed_of, kind_and_ident
from tests.crash.tool_server import CUT, POST, STAMP

BREAKER: Final = "its circuit breaker is open"

BREAKING: Final = 5
"""Failures after which a breaker opens."""

_COMPLETED: Final = """
    select t.turn_id, m.content from turns t join messages m
        on m.tenant_id = t.tenant_id and m.message_id = t.question_id
    where t.tenant_id = any (%(tenants)s) and t.state = 4
"""

_CALLS: Final = """
    select i.invocation_id, i.turn_id, i.tool, i.arguments, i.state, i.result, i.fence,
        i.resolved_by <> '' as resolved,
        case when i.decided_by <> '' then i.decided_at end as decided,
        coalesce(t.state = 4, true) as whole, t.taken_fence is not null as taken,
        s.capsule = any (%(asking)s) as asks
    from invocations i
    left join turns t on t.tenant_id = i.tenant_id and t.turn_id = i.turn_id
    left join sessions s on s.tenant_id = t.tenant_id and s.session_id = t.session_id
    where i.tenant_id = any (%(tenants)s) and i.effect
"""

_UNKNOWN: Final = """
    select tool, count(*) from invocations where state = 6 or resolved_by <> '' group by 1
"""

RUN: Final = (
    InvocationState.STARTED,
    InvocationState.SUCCEEDED,
    InvocationState.FAILED,
    InvocationState.UNKNOWN,
)


@dataclass(frozen=True, slots=True)
class Call:
    """A call with effects.

    `decided` is when a person decided about it. It is `whole` where it is a client's own, or its
    turn was completed; `taken` where its turn was another server's before.
    """

    invocation: UUID
    turn: UUID | None
    tool: str
    arguments: str
    state: int
    result: str
    fence: int
    resolved: bool
    decided: datetime | None
    whole: bool
    taken: bool
    asks: bool | None

    @property
    def text(self) -> str:
        return str(orjson.loads(self.arguments)["text"])

    @property
    def known(self) -> InvocationState:
        return InvocationState(self.state)

    @property
    def ran(self) -> bool:
        """Whether its tool was asked to do it, as far as its server knows."""
        refused = BREAKER in self.result or NOT_BEGUN in self.result
        return self.known in RUN and not refused

    def heard(self, ground: Ground) -> bool:
        """Whether its tool says that it came, where the tool is not the server itself."""
        keys = ground.evidence.tools.keys.get(self.tool)
        return keys is None or keys[str(self.invocation)] > 0

    def __str__(self) -> str:
        return f"call {self.invocation} of {self.tool} ({self.known.name}, {self.result!r})"


def calls_of(ground: Ground) -> list[Call]:
    """All calls of the run's tenants that have effects."""
    return [Call(*row) for row in ground.rows(_CALLS, {"asking": [ASKING, CAUTIOUS]})]


def check_calls(ground: Ground) -> Iterator[Violation]:
    """Invariant 4 from the side of what was asked for."""
    calls = calls_of(ground)
    yield from _check_made(ground, calls)
    opened = {tool for tool, times in ground.rows(_UNKNOWN) if times >= BREAKING}
    for call in calls:
        failed = call.known is InvocationState.FAILED
        lost = call.known is InvocationState.UNKNOWN
        if call.whole and failed and not _may_fail(ground, call, opened):
            yield Violation(Kind.LOST, f"{call} failed, and its tool did not refuse it")
        if call.whole and lost and not _may_be_unknown(ground, call):
            yield Violation(Kind.LOST, f"{call} could have been found out about")


def _check_made(ground: Ground, calls: list[Call]) -> Iterator[Violation]:
    """A completed turn made the calls that its message asks for, and none besides."""
    made: dict[UUID, list[str]] = {}
    for call in calls:
        if call.turn is not None:
            made.setdefault(call.turn, []).append(call.text)
    for turn, message in ground.rows(_COMPLETED):
        kind, ident = kind_and_ident(message) or ("plain", "")
        asked = [deed_of(ident, number + 1) for number in range(KINDS[kind].rounds)]
        if sorted(made.get(turn, [])) != asked:
            what = f"turn {turn} ({kind}) made {len(made.get(turn, []))} calls of {len(asked)}"
            yield Violation(Kind.LOST, what)


def _may_fail(ground: Ground, call: Call, opened: set[str]) -> bool:
    """Whether somebody but its server says that it did nothing."""
    if BREAKER in call.result:
        return call.tool == NOTE or call.tool in opened
    if NOT_BEGUN in call.result:
        return call.taken
    denied = ground.evidence.tools.denied.get(call.tool, set())
    return call.resolved or str(call.invocation) in denied


def _may_be_unknown(ground: Ground, call: Call) -> bool:
    """Whether nobody can be asked about it: a stamp tells by being made again, a post if asked."""
    if call.tool not in {STAMP, POST} or ground.evidence.orders_errors:
        return True
    if call.turn is None and call.fence > MOST_TAKEOVERS:
        return True
    return call.tool == STAMP and CUT in call.text.split()
