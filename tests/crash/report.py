"""What a long run says at its end: kills for each step, and five numbers."""

from collections import Counter
from collections.abc import Iterator, Sequence

from tests.crash.checker.violation import Kind, Violation
from tests.crash.evidence import Asked
from tests.crash.plan import AT_RANDOM, Plan
from tests.crash.runs import Run


def table_of(plan: Plan) -> Iterator[str]:
    """A line for each step, and for the kills between them.

    How many servers died there, how many lived in vain until nobody waited any more (these are no
    kills), and what else was done there.
    """
    width = max(len(point) for point in (*plan.points, AT_RANDOM))
    deeds = "".join(f"  {deed.value:>5}" for deed in plan.harms)
    yield f"{'step':<{width}}  kills  in vain{deeds}"
    for point in (*plan.points, AT_RANDOM):
        harmed = "".join(f"  {plan.harmed[point, deed]:>5}" for deed in plan.harms)
        yield f"{point:<{width}}  {plan.kills[point]:>5}  {plan.misses[point]:>7}{harmed}"


def short_of(plan: Plan, times: int) -> str:
    """A line on the steps at which servers were killed less often than that."""
    below = plan.below(times)
    if not below:
        return f"every step has {times} kills"
    named = ", ".join(f"{point} {plan.kills[point]}" for point in below)
    return f"{len(below)} steps have less than {times} kills: {named}"


def closing_line(plan: Plan, found: Sequence[Violation]) -> str:
    """The one line that says how it went."""
    counts = Counter(one.kind for one in found)
    numbers = ", ".join(f"{counts[kind]} {kind}" for kind in Kind)
    steps = sum(1 for point in plan.points if plan.kills[point])
    return f"crash: {plan.kills.total()} kills over {steps} steps, {numbers}"


def told_of(run: Run, plan: Plan) -> str:
    """A line on one run, so that whoever waits sees that something happens."""
    ends = Counter(_end_of(asked) for asked in run.evidence.asked)
    refused = Counter(one.error.reason or one.error.code.name for one in run.evidence.refusals)
    return (
        f"run: {len(run.evidence.asked)} messages {dict(ends)}, {len(run.evidence.called)} calls "
        f"of tools, refusals {dict(refused)}, {plan.kills.total()} kills so far, "
        f"{len(run.found)} findings"
    )


def _end_of(asked: Asked) -> str:
    """How a message ended, in a word or two; empty where nobody was told."""
    if asked.last != "failed":
        return asked.refused or asked.last
    return f"failed: {asked.heard[-1].failed.error.reason}"
