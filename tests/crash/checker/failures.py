"""A turn fails for a cause alone, and its row and its events tell which."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from adapters.postgres.turn_codec import decode_events, decode_outcome
from domain.conversation.errors import AbandonedFor
from domain.conversation.interruption import MOST_TAKE_OVERS
from domain.conversation.turn import Failure
from domain.conversation.turn_event import Started, TextAdded
from tests.crash.checker.ground import Ground
from tests.crash.checker.violation import Kind, Violation

ORDERED: Final = "a failpoint was ordered to"
"""What a turn says of a model that failed because it was told to."""

SLACK: Final = timedelta(seconds=1)
"""So far a server's watch may be before the database's."""

SHORTEST_STAGE: Final = timedelta(seconds=5)
"""No model is given up sooner, at whatever it is waited for."""

_FAILED: Final = """
    select t.turn_id, t.tenant_id, t.outcome, t.accepted_at, t.deadline_at, t.finished_at,
        t.take_overs, coalesce(convert_from(c.document, 'UTF8')::jsonb
            #>> '{policy, on_interruption}' = 'continue', false)
    from turns t left join capsules c
        on c.tenant_id = t.tenant_id and c.capsule_version_id = t.capsule_version_id
    where t.tenant_id = any (%(tenants)s) and t.state = 5
"""

_EVENTS: Final = """
    select e.turn_id, e.payload from turn_events e
    join turns t on t.tenant_id = e.tenant_id and t.turn_id = e.turn_id
    where e.tenant_id = any (%(tenants)s) and t.state = 5 order by e.turn_id, e.first_sequence
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """What is stored of a turn that failed.

    `limited` tells whether its tenant is near a limit, `text` whether a part of its last answer was
    shown, `continues` whether its capsule has such a part continued.
    """

    failure: Failure
    accepted_at: datetime
    deadline_at: datetime
    finished_at: datetime
    take_overs: int
    limited: bool
    text: bool
    continues: bool

    @property
    def is_late(self) -> bool:
        return self.finished_at >= self.deadline_at - SLACK


def check_failures(ground: Ground) -> Iterator[Violation]:
    """Each failure has its cause."""
    shown = _shown(ground)
    limited = {one.tenant_id for one in ground.evidence.tenants if one.limited}
    for turn, tenant, outcome, accepted, deadline, finished, taken, continues in ground.rows(
        _FAILED
    ):
        failure = decode_outcome(outcome).failure
        if failure is None:
            yield Violation(Kind.LOST, f"turn {turn} failed, and does not say why")
            continue
        failed = Failed(
            failure=failure,
            accepted_at=accepted,
            deadline_at=deadline,
            finished_at=finished,
            take_overs=taken,
            limited=tenant in limited,
            text=shown.get(turn, False),
            continues=continues,
        )
        ordered = ground.evidence.orders_errors and ORDERED in failure.message
        if not ordered and not has_cause(failed):
            what = f"turn {turn} failed without a cause: {failure.reason} {failure.message}"
            yield Violation(Kind.LOST, what)


def _shown(ground: Ground) -> Mapping[UUID, bool]:
    """Which turns showed a part of their last answer: of the model call that was begun last."""
    shown, rounds = dict[UUID, bool](), dict[UUID, int]()
    for turn, payload in ground.rows(_EVENTS):
        for event in decode_events(payload):
            body = event.body
            if isinstance(body, Started) and rounds.get(turn) != body.round:
                rounds[turn], shown[turn] = body.round, False
            elif isinstance(body, TextAdded):
                shown[turn] = True
    return shown


def has_cause(failed: Failed) -> bool:
    """Whether what is stored of it bears out what it says."""
    match failed.failure.reason:
        case "DATABASE_UNAVAILABLE":
            return True
        case "BUDGET_EXHAUSTED":
            return failed.limited
        case "DEADLINE_EXCEEDED":
            return failed.is_late
        case "MODEL_TIMED_OUT":
            return failed.finished_at - failed.accepted_at >= SHORTEST_STAGE
        case "TURN_ABANDONED":
            return _is_abandoned(failed)
        case _:
            return False


def _is_abandoned(failed: Failed) -> bool:
    """Whether nobody could go on with it, as it says."""
    cause = failed.failure.facts.get("cause")
    return {
        AbandonedFor.DEADLINE.value: failed.is_late,
        AbandonedFor.TAKE_OVERS.value: failed.take_overs > MOST_TAKE_OVERS,
        AbandonedFor.ANSWER_SHOWN.value: failed.text and not failed.continues,
        AbandonedFor.NO_ROOM.value: failed.text and failed.continues and failed.limited,
    }.get(str(cause), False)
