"""A turn that somebody asked to cancel is cancelled, also by whoever takes it over."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tests.crash.checker.ground import Ground, last_of
from tests.crash.checker.violation import Kind, Violation
from tests.crash.script import kind_and_ident

CANCELLED: Final = 6

FAILED: Final = 5

NOTICE: Final = timedelta(seconds=1)
"""A turn is taken over sooner after its server was lost; nobody goes on with it after that."""

_TURNS: Final = """
    select t.turn_id, t.state, t.taken_fence is not null, m.content, c.requested_at
    from turns t join messages m on m.tenant_id = t.tenant_id and m.message_id = t.question_id
    left join turn_cancellations c on c.tenant_id = t.tenant_id and c.turn_id = t.turn_id
    where t.tenant_id = any (%(tenants)s)
"""


def check_wishes(ground: Ground) -> Iterator[Violation]:
    """What was said about a cancellation is what became of the turn."""
    states: dict[UUID, int] = {}
    for turn, state, taken, message, wished in ground.rows(_TURNS):
        states[turn] = state
        if taken and wished is not None:
            yield from _check_taken(ground, turn, str(message), wished)
    for asked in ground.evidence.asked:
        state = states.get(last_of(asked.turn)) if asked.turn else None
        if state is None or not asked.cancelled:
            continue
        # Where its server did not answer, the turn is told as it is: it ends by its lease.
        right = (CANCELLED,) if asked.cancelled == "CANCELLED" else (CANCELLED, FAILED)
        if state not in right:
            what = f"{asked.turn} was to be cancelled (told {asked.cancelled}), and is in {state}"
            yield Violation(Kind.LOST, what)


def _check_taken(ground: Ground, turn: UUID, message: str, wished: datetime) -> Iterator[Violation]:
    """Of a turn that was taken over after it was to be cancelled no model is asked any more."""
    _, ident = kind_and_ident(message) or ("", "")
    last = max(ground.evidence.model.asked.get(ident, ()), default=wished)
    if last > wished + NOTICE:
        what = f"turn {turn} was to be cancelled at {wished}, and its model was asked at {last}"
        yield Violation(Kind.LOST, what)
