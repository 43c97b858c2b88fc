"""A tool with effects runs at most once for each call, and its outcome is what happened."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from domain.tools.invocation import InvocationState
from tests.crash.checker.ground import Ground, last_of
from tests.crash.checker.violation import Kind, Violation

_NOTES: Final = "select note_id, text from notes where tenant_id = any (%(tenants)s)"

_INVOCATIONS: Final = """
    select invocation_id, turn_id, call_id, arguments, state, lease_until from invocations
    where tenant_id = any (%(tenants)s) and effect
"""

_STUCK: Final = """
    select i.invocation_id, i.state from invocations i
    left join turns t on t.tenant_id = i.tenant_id and t.turn_id = i.turn_id
    where i.tenant_id = any (%(tenants)s)
      and (i.state = 3 and (i.turn_id is null and i.lease_until < clock_timestamp()
            or t.state in (4, 5, 6))
        or i.state = 1 and t.state in (4, 5, 6))
"""


def check_effects(ground: Ground) -> Iterator[Violation]:
    """Invariant 4."""
    yield from _check_open(ground)
    notes = ground.rows(_NOTES)
    for text, times in Counter(str(body) for _, body in notes).items():
        if times > 1:
            yield Violation(Kind.DOUBLED, f"{text!r} took effect {times} times")
    yield from _check_states(ground, {note for note, _ in notes})


def _check_open(ground: Ground) -> Iterator[Violation]:
    for invocation, state in ground.rows(_STUCK):
        yield Violation(
            Kind.STUCK, f"invocation {invocation} is left in {InvocationState(state).name}"
        )


def _check_states(ground: Ground, written: set[object]) -> Iterator[Violation]:
    """Written are the invocations that took effect."""
    calls: Counter[tuple[object, str]] = Counter()
    states: dict[object, InvocationState] = {}
    for invocation, turn, call, arguments, code, _ in ground.rows(_INVOCATIONS):
        state = states[invocation] = InvocationState(code)
        calls[(turn or invocation, f"{call} {arguments}")] += 1
        if state is InvocationState.SUCCEEDED and invocation not in written:
            yield Violation(Kind.LOST, f"invocation {invocation} succeeded without its effect")
        if state in _UNDONE and invocation in written:
            yield Violation(
                Kind.DOUBLED, f"invocation {invocation} is {state.name} and took effect"
            )
    for (turn, call), times in calls.items():
        if times > 1:
            yield Violation(Kind.DOUBLED, f"{turn} made {call} {times} times")
    yield from _check_called(ground, states)


_UNDONE: Final = frozenset(
    {
        InvocationState.PENDING_APPROVAL,
        InvocationState.PERMITTED,
        InvocationState.FAILED,
        InvocationState.DENIED,
        InvocationState.REJECTED,
        InvocationState.EXPIRED,
    }
)
"""States in which surely nothing was done."""


def _check_called(ground: Ground, states: dict[object, InvocationState]) -> Iterator[Violation]:
    """What a client was told of its call is what is stored."""
    for called in ground.evidence.called:
        if not called.invocation:
            continue
        stored = states.get(last_of(called.invocation))
        told = InvocationState[called.state]
        if stored is not told and told is not InvocationState.UNKNOWN:
            yield Violation(
                Kind.LOST,
                f"{called.invocation} was told {told.name}, and is "
                f"{stored.name if stored else 'not there'}",
            )
