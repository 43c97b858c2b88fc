"""What is billed is what others counted: the model its tokens, the tools their calls."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from somagent.budget.v1 import budget_pb2
from tests.crash.acting.budgets import IMAGES, TOKENS
from tests.crash.checker.calls import Call, calls_of
from tests.crash.checker.ground import Ground
from tests.crash.checker.violation import Kind, Violation
from tests.crash.script import KINDS, kind_and_ident

_LEDGER: Final = """
    select reference_id, metric, sum(amount)::bigint from ledger
    where tenant_id = any (%(tenants)s) group by 1, 2
"""

_TURNS: Final = """
    select t.turn_id, m.content, t.taken_fence is not null,
        sum(u.tokens) filter (where u.outcome = 'ok')::bigint,
        coalesce(sum(u.tokens) filter (where u.outcome <> 'ok'), 0)::bigint,
        count(*) filter (where u.outcome <> 'ok'), count(*),
        coalesce(min(u.tokens), 0)::bigint
    from turns t join messages m on m.tenant_id = t.tenant_id and m.message_id = t.question_id
    cross join json_array_elements(convert_from(t.trace, 'UTF8')::json -> 'attempts') as a(attempt)
    cross join lateral (select attempt ->> 'outcome', (attempt ->> 'prompt_tokens')::bigint
        + (attempt ->> 'completion_tokens')::bigint) as u(outcome, tokens)
    where t.tenant_id = any (%(tenants)s) and t.state = 4
    group by 1, 2, 3
"""

_SETTLED: Final = """
    select reservation_id, metric from reservations, unnest(used_metrics) as used(metric)
    where tenant_id = any (%(tenants)s) and state = 2 and metric = any (%(metrics)s)
"""

Billed = dict[tuple[UUID, int], int]


def check_bills(ground: Ground) -> Iterator[Violation]:
    """Invariant 2 from the side of whoever did the work.

    A turn that no other server took over is billed exactly what its model said. What broke off with
    a server is an estimate, and marked as one: the rest is never more than what the model said, and
    whenever the model was asked that is billed as something.
    """
    billed: Billed = {
        (reference, metric): amount for reference, metric, amount in ground.rows(_LEDGER)
    }
    calls = calls_of(ground)
    yield from _check_tokens(ground, billed)
    yield from _check_turns_calls(ground, billed, calls)
    for call in calls:
        if call.turn is None and call.ran:
            yield from _equal(billed, call.invocation, budget_pb2.METRIC_TOOL_CALLS, 1)
    metrics = {one.metric: one.amount for one in (TOKENS, IMAGES)}
    for reservation, metric in ground.rows(_SETTLED, {"metrics": list(metrics)}):
        yield from _equal(billed, reservation, metric, metrics[metric])


def _check_tokens(ground: Ground, billed: Billed) -> Iterator[Violation]:
    for turn, message, taken, whole, broken, breaks, attempts, least in ground.rows(_TURNS):
        _, ident = kind_and_ident(message) or ("", "")
        asked = len(ground.evidence.model.asked.get(ident, ()))
        # Who fails as it was told to forgets what it had tried before.
        if not ground.evidence.orders_errors and (attempts < asked or least <= 0):
            what = f"turn {turn} asked {attempts} times, for {least} tokens or more"
            yield Violation(Kind.LOST, f"{what}; its model was asked {asked} times")
        said = ground.evidence.model.counted[ident]
        yield from _equal(billed, turn, budget_pb2.METRIC_API_CALLS, 1)
        yield from _equal(billed, turn, budget_pb2.METRIC_TOKENS, whole + broken)
        if whole > said:
            what = f"turn {turn} has {whole} tokens of whole answers, its model said {said}"
            yield Violation(Kind.DOUBLED, what)
        if whole < said and not taken and not breaks:
            what = f"turn {turn} has {whole} tokens in all, its model said {said}"
            yield Violation(Kind.LOST, what)


def _check_turns_calls(ground: Ground, billed: Billed, calls: list[Call]) -> Iterator[Violation]:
    """Each call that a tool heard of is billed once; of a lost one that may be all there is."""
    heard: dict[UUID, int] = {}
    for call in calls:
        if call.turn is not None and call.ran:
            heard[call.turn] = heard.get(call.turn, 0) + call.heard(ground)
    for turn, message, taken, *_ in ground.rows(_TURNS):
        kind, _ = kind_and_ident(message) or ("plain", "")
        least = heard.get(turn, 0)
        most = KINDS[kind].rounds if taken else least
        amount = billed.get((turn, int(budget_pb2.METRIC_TOOL_CALLS)), 0)
        if amount > most or amount < least:
            wrong = Kind.DOUBLED if amount > most else Kind.LOST
            yield Violation(wrong, f"turn {turn} is billed {amount} calls, tools heard {least}")


def _equal(billed: Billed, reference: UUID, metric: int, used: int) -> Iterator[Violation]:
    amount = billed.get((reference, int(metric)), 0)
    if amount != used:
        kind = Kind.DOUBLED if amount > used else Kind.LOST
        yield Violation(kind, f"{reference} is billed {amount} of metric {metric}, used {used}")
