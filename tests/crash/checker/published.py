"""What was committed is published: whole, in order for each key, and nothing else is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from domain.delivery.topic import TOPIC_OF
from somagent.events.v1.events_pb2 import Envelope
from tests.crash.checker.ground import Ground
from tests.crash.checker.violation import Kind, Violation
from tests.crash.script import CANARY
from tests.crash.topics import INBOUND, Found

_COMMITTED: Final = """
    select event_id, tenant_id, sequence, type, payload from outbox
    where tenant_id = any (%(tenants)s)
"""

_SET_ASIDE: Final = """
    select origin from dead_letters where tenant_id = any (%(tenants)s) and source = 'relay'
"""

OUTGOING: Final = frozenset(topic.value for topic in TOPIC_OF.values())


@dataclass(frozen=True, slots=True)
class Told:
    """What an event says: of whom, its number and type, and its payload."""

    tenant: str
    sequence: int
    type: str
    payload: bytes


@dataclass(slots=True)
class Reader:
    """One who drops what is not above the last of its key, as readers are told to."""

    last: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    partitions: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    taken: dict[str, list[tuple[str, Told]]] = field(
        default_factory=dict[str, list[tuple[str, Told]]]
    )

    def take(self, message: Found, envelope: Envelope) -> Iterator[Violation]:
        """Read one message; what it should not have met."""
        key = (message.topic, envelope.key)
        event = f"event {envelope.id} ({envelope.type}) of {envelope.key}"
        if self.partitions.setdefault(key, message.partition) != message.partition:
            yield Violation(Kind.LOST, f"{event} is in partition {message.partition}, others not")
        told = Told(envelope.tenant, envelope.sequence, envelope.type, envelope.payload.value)
        before = self.taken.setdefault(envelope.id, [])
        last = self.last.get(key, 0)
        if not before and envelope.sequence <= last:
            yield Violation(Kind.LOST, f"{event} came first after number {last} had come")
        self.last[key] = max(last, envelope.sequence)
        if (message.topic, told) not in before:
            before.append((message.topic, told))


def check_published(ground: Ground) -> Iterator[Violation]:
    """Every event of the run is in its topic at least once, in order, and as it was committed."""
    if ground.evidence.topics is None:
        return
    tenants = {f"tenants/{one.slug}" for one in ground.evidence.tenants}
    reader = Reader()
    for message in _in_order(ground.evidence.found):
        if message.topic not in OUTGOING:
            continue
        envelope = Envelope.FromString(message.value)
        if envelope.tenant in tenants:
            yield from reader.take(message, envelope)
    yield from _check_taken(ground, reader.taken)
    yield from _check_loud(ground)


def _in_order(found: Sequence[Found]) -> Sequence[Found]:
    return sorted(found, key=lambda one: (one.topic, one.partition, one.offset))


def _check_taken(
    ground: Ground, taken: Mapping[str, Sequence[tuple[str, Told]]]
) -> Iterator[Violation]:
    aside = {origin for (origin,) in ground.rows(_SET_ASIDE)}
    left = dict(taken)
    for event_id, tenant, sequence, kind, payload in ground.rows(_COMMITTED):
        told = left.pop(str(event_id), [])
        meant = Told(f"tenants/{ground.slug(tenant)}", sequence, kind, payload)
        topic = TOPIC_OF[kind].value if kind in TOPIC_OF else "any topic"
        if not told and str(event_id) not in aside:
            yield Violation(Kind.LOST, f"event {event_id} ({kind}) is not in {topic}")
        for where, what in told:
            if where != topic or what != meant:
                yield Violation(
                    Kind.LOST, f"event {event_id} ({kind}) is told otherwise in {where}"
                )
    for event_id, told in left.items():
        where, what = told[0]
        yield Violation(
            Kind.DOUBLED, f"event {event_id} ({what.type}) is in {where} and was not committed"
        )


def _check_loud(ground: Ground) -> Iterator[Violation]:
    """No key is in any topic that servers write, and personal text in none of their events."""
    secrets = [secret.encode() for secret in ground.evidence.secrets]
    for message in ground.evidence.found:
        if message.topic in INBOUND:
            continue
        whole = b"\n".join((message.key, message.value, *message.headers.values()))
        if any(secret in whole for secret in secrets):
            yield Violation(Kind.LEAKED, f"{message.origin} holds a key")
        if message.topic in OUTGOING and CANARY.encode() in whole:
            yield Violation(Kind.LEAKED, f"{message.origin} holds {CANARY}")
