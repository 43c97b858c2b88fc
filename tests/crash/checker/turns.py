"""Nothing accepted is lost, nothing stays open, and one request is one turn."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final
from uuid import UUID

from tests.crash.checker.ground import Ground, last_of
from tests.crash.checker.violation import Kind, Violation
from tests.crash.evidence import FINAL, Asked, kind_of
from tests.crash.script import answer_of

ENDED: Final = (4, 5, 6)
COMPLETED: Final = 4

_OPEN: Final = """
    select turn_id, state, lease_until, deadline_at from turns
    where tenant_id = any (%(tenants)s) and state in (1, 2)
"""

_KEYS: Final = """
    select session_id, request_id, turn_id from turn_requests where tenant_id = any (%(tenants)s)
"""

_TURNS: Final = """
    select turn_id, state, record_id from turns where tenant_id = any (%(tenants)s)
"""

_ANSWERS: Final = """
    select turn_id, content from messages where tenant_id = any (%(tenants)s) and role = 1
"""

_KEYLESS: Final = """
    select t.turn_id from turns t left join turn_requests r
        on r.tenant_id = t.tenant_id and r.turn_id = t.turn_id
    where t.tenant_id = any (%(tenants)s) and r.turn_id is null
"""

_SAID: Final = """
    select content from messages where tenant_id = any (%(tenants)s) and role = 0
"""

_QUESTIONS: Final = """
    select t.turn_id from turns t left join messages m
        on m.tenant_id = t.tenant_id and m.message_id = t.question_id
    where t.tenant_id = any (%(tenants)s) and m.message_id is null
"""

_SEATS: Final = """
    select s.session_id, s.open_turn, s.waiting from sessions s
    where s.tenant_id = any (%(tenants)s) and s.deleted_at is null
      and (s.waiting <> '{}' or s.open_turn is not null) and not exists (
        select from turns t where t.tenant_id = s.tenant_id and t.turn_id = s.open_turn
            and t.state = 3)
"""


def check_turns(ground: Ground) -> Iterator[Violation]:
    """Invariants 3 and 5, and that no turn runs on."""
    yield from _check_rows(ground)
    yield from _check_asked(ground)
    yield from _check_said(ground)


def _check_rows(ground: Ground) -> Iterator[Violation]:
    for turn_id, state, lease, deadline in ground.rows(_OPEN):
        yield Violation(
            Kind.STUCK, f"turn {turn_id} is in state {state}, lease {lease}, deadline {deadline}"
        )
    for session_id, open_turn, waiting in ground.rows(_SEATS):
        yield Violation(Kind.STUCK, f"session {session_id} is held by {open_turn}, {waiting} wait")
    for (turn_id,) in ground.rows(_QUESTIONS):
        yield Violation(Kind.LOST, f"turn {turn_id} has no question")
    for (turn_id,) in ground.rows(_KEYLESS):
        yield Violation(Kind.DOUBLED, f"turn {turn_id} is the one of no request")
    for turn_id, state, record in ground.rows(_TURNS):
        if state in ENDED and record is None:
            yield Violation(Kind.LOST, f"turn {turn_id} ended and has no record")


def _check_asked(ground: Ground) -> Iterator[Violation]:
    states: dict[UUID, int] = {turn: state for turn, state, _ in ground.rows(_TURNS)}
    answers: dict[UUID, list[str]] = {}
    for turn_id, content in ground.rows(_ANSWERS):
        answers.setdefault(turn_id, []).append(content)
    known = {(session, request): turn for session, request, turn in ground.rows(_KEYS)}
    for asked in ground.evidence.asked:
        stored = known.get((last_of(asked.session), asked.request_id))
        yield from _check_request(asked, stored, states)
        yield from _check_again(asked)
        if asked.gave_up:
            what = f"{asked.turn or asked.request_id}: no end was told {asked.gave_up}"
            yield Violation(Kind.STUCK, what)
        elif asked.turn and asked.last not in FINAL:
            what = f"{asked.turn} was accepted; its client was refused its end: {asked.refused}"
            yield Violation(Kind.LOST, what)
        elif asked.last in FINAL and stored is not None:
            yield from _check_end(asked, states.get(stored))
            yield from _check_answer(asked, answers.get(stored, []))


def _check_request(
    asked: Asked, stored: UUID | None, states: Mapping[UUID, int]
) -> Iterator[Violation]:
    """One request is one turn, the one that its client was told."""
    if len(asked.turns) > 1:
        yield Violation(Kind.DOUBLED, f"request {asked.request_id} is turns {asked.turns}")
    elif asked.turn and stored != last_of(asked.turn):
        yield Violation(Kind.LOST, f"{asked.turn} was accepted; its request names {stored}")
    if asked.heard and stored is None:
        yield Violation(Kind.LOST, f"request {asked.request_id} was accepted and is not known")
    if stored is not None and stored not in states:
        yield Violation(Kind.LOST, f"request {asked.request_id}: there is no turn {stored}")


def _check_end(asked: Asked, stored: int | None) -> Iterator[Violation]:
    told = {"completed": 4, "failed": 5, "cancelled": 6}[asked.last]
    name = asked.turn or asked.request_id
    if stored != told:
        yield Violation(Kind.LOST, f"{name} was told {asked.last}, and is in state {stored}")
    if asked.last == "cancelled" and not asked.cancels:
        yield Violation(Kind.LOST, f"{name} was cancelled by {asked.heard[-1].cancelled}")


def _check_answer(asked: Asked, kept: list[str]) -> Iterator[Violation]:
    """An answer is the one that its message asked for, whole, where it is told and stored."""
    if asked.last != "completed":
        return
    name, whole = asked.turn or asked.request_id, answer_of(asked.kind, asked.ident)
    if len(kept) > 1:
        yield Violation(Kind.DOUBLED, f"{name} has {len(kept)} answers")
    elif kept != [whole]:
        yield Violation(Kind.LOST, f"{name} keeps {kept}, not {whole!r}")
    if (text := asked.heard[-1].completed.text) != whole:
        yield Violation(Kind.LOST, f"{name} was answered {text!r}, not {whole!r}")


def _check_again(asked: Asked) -> Iterator[Violation]:
    """A message that is sent again after its turn's end is answered with that turn, as it was."""
    if not asked.again:
        return
    turns = {one.accepted.turn for one in asked.again if kind_of(one) == "accepted"}
    # None at all: a server died before it had written that event, and a `restarted` covers it.
    if turns - {asked.turn}:
        yield Violation(Kind.DOUBLED, f"{asked.turn} was {turns} when it was asked for again")
    if asked.again[-1] != asked.heard[-1]:
        what = f"{asked.turn} ended with {asked.heard[-1]}, and with {asked.again[-1]} once more"
        yield Violation(Kind.LOST, what)


def _check_said(ground: Ground) -> Iterator[Violation]:
    """A message is one turn, however often and on whichever way it came."""
    said = Counter(str(text).split()[-1] for (text,) in ground.rows(_SAID))
    for ident in {asked.ident for asked in ground.evidence.asked}:
        if said[ident] > 1:
            yield Violation(Kind.DOUBLED, f"message {ident} became {said[ident]} turns")
