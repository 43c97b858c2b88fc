"""What a topic is given: the form in which an event leaves the service."""

from dataclasses import dataclass

from domain.delivery.dead_letter import Header
from domain.delivery.outgoing_event import OutgoingEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """A message for a topic, which is named without the prefix of the settings.

    Messages of one key stay in order. `value` is a `somagent.events.v1.Envelope`.
    """

    topic: str
    key: bytes
    headers: tuple[Header, ...]
    value: bytes


def headers_of(event: OutgoingEvent) -> tuple[Header, ...]:
    """What a reader may want to know of an event before it reads it."""
    headers = (
        ("event-id", str(event.id).encode()),
        ("type", event.type.encode()),
        ("version", b"%d" % event.version),
        ("tenant", b"tenants/" + event.tenant.encode()),
    )
    return (*headers, ("traceparent", event.traceparent.encode())) if event.traceparent else headers
