"""A tool with effects runs at most once for each call, and its outcome is what happened."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

import orjson

from domain.tools.invocation import InvocationState
from tests.crash.checker.ground import Ground, last_of
from tests.crash.checker.violation import Kind, Violation

_NOTES: Final = "select text from notes where tenant_id = any (%(tenants)s)"

_INVOCATIONS: Final = """
    select invocation_id, turn_id, call_id, tool, arguments, state from invocations
    where tenant_id = any (%(tenants)s) and effect
"""

_OPEN: Final = """
    select i.invocation_id, i.state from invocations i
    left join turns t on t.tenant_id = i.tenant_id and t.turn_id = i.turn_id
    where i.tenant_id = any (%(tenants)s)
      and (i.state in (2, 3) and i.turn_id is null or i.state in (1, 2, 3) and t.state in (4, 5, 6))
"""

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


def check_effects(ground: Ground) -> Iterator[Violation]:
    """Invariant 4."""
    for invocation, state in ground.rows(_OPEN):
        yield Violation(
            Kind.STUCK, f"invocation {invocation} is left in {InvocationState(state).name}"
        )
    effects = _effects(ground)
    for text, times in effects.items():
        if times > 1:
            yield Violation(Kind.DOUBLED, f"{text!r} took effect {times} times")
    yield from _check_calls(ground, effects)


def _effects(ground: Ground) -> Mapping[str, int]:
    """What took effect in this run, and how often: notes by their rows, others as they told."""
    evidence = ground.evidence
    idents = {one.ident for one in evidence.asked} | {one.ident for one in evidence.called}
    found = Counter(str(text) for (text,) in ground.rows(_NOTES))
    for counted in evidence.tools.effects.values():
        found.update({text: times for text, times in counted.items() if idents & set(text.split())})
    return found


def _check_calls(ground: Ground, effects: Mapping[str, int]) -> Iterator[Violation]:
    """Every effect has its call, every call was made once, and what it says is so."""
    made: Counter[str] = Counter()
    states: dict[object, InvocationState] = {}
    for invocation, turn, call, tool, arguments, code in ground.rows(_INVOCATIONS):
        state = states[invocation] = InvocationState(code)
        text = str(orjson.loads(arguments)["text"])
        made[text] += 1
        if made[text] > 1:
            yield Violation(Kind.DOUBLED, f"{turn} made {call} of {tool} {made[text]} times")
        if state is InvocationState.SUCCEEDED and not effects.get(text):
            yield Violation(
                Kind.LOST, f"invocation {invocation} of {tool} succeeded without its effect"
            )
        if state in _UNDONE and effects.get(text):
            yield Violation(
                Kind.DOUBLED, f"invocation {invocation} of {tool} is {state.name} and took effect"
            )
    for text in effects:
        if not made[text]:
            yield Violation(Kind.LOST, f"{text!r} took effect and no call tells of it")
    yield from _check_called(ground, states)


def _check_called(ground: Ground, states: Mapping[object, InvocationState]) -> Iterator[Violation]:
    """What a client was told of its call is what is stored, unless somebody found out more."""
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
