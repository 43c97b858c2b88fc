"""An event comes in its envelope as it was committed."""

from uuid import UUID

from adapters.protobuf.envelopes import envelope_of
from domain.delivery.outgoing_event import OutgoingEvent
from domain.kernel.identifiers import EventId
from somagent.events.v1.events_pb2 import Envelope, TurnResumed
from tests.builders import SESSION, TENANT
from tests.fakes import NOON


def test_an_envelope_says_which_event_it_is_and_what_it_tells() -> None:
    event = OutgoingEvent(
        id=EventId(UUID(int=7)), tenant_id=TENANT, tenant="acme", key=SESSION, sequence=3,
        type="turn.resumed", version=1, traceparent="00-1", occurred_at=NOON,
        payload=TurnResumed(turn="tenants/acme/sessions/s/turns/t").SerializeToString(),
    )  # fmt: skip

    envelope = Envelope.FromString(envelope_of(event))

    assert envelope.id == str(event.id)
    assert (envelope.tenant, envelope.key) == ("tenants/acme", event.key_name)
    assert (envelope.sequence, envelope.type, envelope.version) == (3, "turn.resumed", 1)
    assert (envelope.traceparent, envelope.time.ToDatetime(NOON.tzinfo)) == ("00-1", NOON)
    told = TurnResumed()
    assert envelope.payload.Unpack(told)
    assert told.SerializeToString() == event.payload
