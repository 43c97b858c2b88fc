"""What other systems sent was taken once, in order, and answered; or it rests, once."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

from google.protobuf.message import DecodeError

from somagent.events.v1 import events_pb2 as events
from tests.crash.checker.ground import Ground, last_of
from tests.crash.checker.violation import Kind, Violation
from tests.crash.topics import INBOUND, Found

End: TypeAlias = events.TurnCompleted | events.TurnFailed | events.TurnCancelled

_LETTERS: Final = """
    select l.origin, l.reason, t.slug from dead_letters l join tenant_profiles t using (tenant_id)
    where l.source = any (%(topics)s) and l.origin = any (%(origins)s)
"""

_SETTLED: Final = """
    select letter_id, state from dead_letters where tenant_id = any (%(tenants)s)
"""

_CALLS: Final = """
    select r.tenant_id, r.request_id, r.invocation_id from invocation_requests r
    where r.tenant_id = any (%(tenants)s)
"""

_ACCEPTED: Final = """
    select r.request_id, t.accepted_at from turn_requests r
    join turns t on t.tenant_id = r.tenant_id and t.turn_id = r.turn_id
    where r.tenant_id = any (%(tenants)s)
"""

_ENDS: Final[Mapping[str, type[End]]] = {
    "turn.completed": events.TurnCompleted,
    "turn.failed": events.TurnFailed,
    "turn.cancelled": events.TurnCancelled,
}


def check_inbound(ground: Ground) -> Iterator[Violation]:
    """Each message of other systems has become what it asks for, or a dead letter."""
    if ground.evidence.topics is None:
        return
    sent = sorted(
        (one for one in ground.evidence.found if one.topic in INBOUND),
        key=lambda one: (one.topic, one.partition, one.offset),
    )
    yield from _check_letters(ground, sent)
    yield from _check_settled(ground)
    yield from _check_order(ground, sent)
    yield from _check_answers(ground)


def _check_letters(ground: Ground, sent: Sequence[Found]) -> Iterator[Violation]:
    """A message that cannot be taken rests once, for its reason and with its tenant."""
    named = {"topics": list(INBOUND), "origins": [one.origin for one in sent]}
    letters: dict[str, list[tuple[str, str]]] = {}
    for origin, reason, slug in ground.rows(_LETTERS, named):
        letters.setdefault(origin, []).append((reason, slug))
    for one in sent:
        rest = letters.get(one.origin, [])
        meant = ground.evidence.spoiled.get(one.key.decode())
        if meant is None:
            for reason, _ in rest:
                yield Violation(Kind.LOST, f"message {one.origin} was not taken: {reason}")
        elif len(rest) != 1:
            kind = Kind.DOUBLED if rest else Kind.LOST
            yield Violation(kind, f"message {one.origin} ({meant.reason}) rests {len(rest)} times")
        elif rest[0] != (meant.reason, meant.tenant):
            yield Violation(
                Kind.LOST, f"message {one.origin} rests as {rest[0]}, and should as {meant}"
            )


def _check_settled(ground: Ground) -> Iterator[Violation]:
    stored: Mapping[UUID, int] = dict(ground.rows(_SETTLED))
    for told in ground.evidence.settled:
        if (state := stored.get(last_of(told.letter))) != told.state:
            what = f"{told.letter} was told {told.state}, and is in state {state}"
            yield Violation(Kind.LOST, what)


def _check_order(ground: Ground, sent: Sequence[Found]) -> Iterator[Violation]:
    """Messages of a session became turns in the order in which they came first."""
    accepted: Mapping[str, datetime] = dict(ground.rows(_ACCEPTED))
    last: dict[bytes, datetime] = {}
    seen: set[str] = set()
    for one in sent:
        request = _request_in(one)
        if request in seen or request not in accepted:
            continue
        seen.add(request)
        at = accepted[request]
        if at < last.get(one.key, at):
            yield Violation(Kind.LOST, f"message {one.origin} was taken before one ahead of it")
        last[one.key] = at


def _request_in(message: Found) -> str:
    """The request id of a message that is said to a session; empty for others."""
    said = events.MessageSent()
    try:
        events.Envelope.FromString(message.value).payload.Unpack(said)
    except DecodeError:
        return ""
    return said.request.request_id


def _check_answers(ground: Ground) -> Iterator[Violation]:
    """What became of what was sent is told on the topics that answer it."""
    ended, invoked = _told(ground.evidence.found)
    for asked in ground.evidence.asked:
        if asked.sent and asked.turn and asked.turn not in ended:
            yield Violation(Kind.LOST, f"the end of {asked.turn} is not in conversation.outbound")
    calls = {
        (ground.slug(tenant), request): invocation
        for tenant, request, invocation in ground.rows(_CALLS)
    }
    for called in ground.evidence.called:
        if not called.sent:
            continue
        invocation = calls.get((called.tenant, called.request_id))
        if invocation is None:
            yield Violation(Kind.LOST, f"call {called.request_id} was sent and is not known")
        elif f"tenants/{called.tenant}/invocations/{invocation}" not in invoked:
            yield Violation(Kind.LOST, f"the end of call {invocation} is not in tool.results")


def _told(found: Sequence[Found]) -> tuple[set[str], set[str]]:
    """The turns and the calls whose ends were published."""
    ended, invoked = set[str](), set[str]()
    for one in found:
        if one.topic == "conversation.outbound":
            envelope = events.Envelope.FromString(one.value)
            if kind := _ENDS.get(envelope.type):
                ended.add(kind.FromString(envelope.payload.value).turn)
        elif one.topic == "tool.results":
            envelope = events.Envelope.FromString(one.value)
            if envelope.type == "tool.invoked":
                told = events.ToolInvoked.FromString(envelope.payload.value)
                invoked.add(told.invocation)
    return ended, invoked
