"""Outgoing events in their envelopes, as every topic carries them."""

from datetime import UTC, datetime
from typing import Final

from adapters.protobuf.events import PAYLOADS
from domain.delivery.errors import EventRefusedError
from domain.delivery.outgoing_event import OutgoingEvent
from somagent.events.v1 import events_pb2 as pb

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
DAY_SECONDS: Final = 86_400

TYPE_PREFIX: Final = "type.googleapis.com/"


def envelope_of(event: OutgoingEvent) -> bytes:
    """The event as a `somagent.events.v1.Envelope`.

    Raises:
        EventRefusedError: No message is defined for its type.
    """
    name = PAYLOADS.get(event.type)
    if name is None:
        raise EventRefusedError(f"no message is defined for the type {event.type}")
    envelope = pb.Envelope(
        id=str(event.id),
        type=event.type,
        version=event.version,
        tenant=f"tenants/{event.tenant}",
        key=event.key_name,
        sequence=event.sequence,
        traceparent=event.traceparent,
    )
    since = event.occurred_at - EPOCH
    # Each access of an inner message makes an object.
    time, payload = envelope.time, envelope.payload
    time.seconds = since.days * DAY_SECONDS + since.seconds
    time.nanos = since.microseconds * 1000
    # The payload was encoded when it was committed: it is put in as it is.
    payload.type_url, payload.value = f"{TYPE_PREFIX}{name}", event.payload
    return envelope.SerializeToString()
