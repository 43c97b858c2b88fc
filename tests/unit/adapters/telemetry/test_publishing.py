"""Published messages are counted by topic, and by what came of them."""

import pytest

from adapters.local.publisher import LocalPublisher
from adapters.telemetry.instruments import Metrics
from adapters.telemetry.publishing import ObservedPublisher
from domain.delivery.errors import EventFailedError, EventRefusedError, PublisherAwayError
from domain.delivery.outgoing_message import OutgoingMessage

MESSAGE = OutgoingMessage(topic="audit.events", key=b"a", headers=(), value=b"")


async def test_what_arrived_is_counted() -> None:
    metrics = Metrics()

    await ObservedPublisher(LocalPublisher(()), metrics).publish(MESSAGE)

    assert counted(metrics, "ok")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (PublisherAwayError("gone"), "away"),
        (EventFailedError("once"), "failed"),
        (EventRefusedError("too large"), "refused"),
        (ValueError("a defect"), "failed"),
    ],
)
async def test_what_did_not_arrive_is_counted_and_told(error: Exception, outcome: str) -> None:
    async def refuse(_: OutgoingMessage) -> None:
        raise error

    metrics = Metrics()

    with pytest.raises(type(error)):
        await ObservedPublisher(LocalPublisher((refuse,)), metrics).publish(MESSAGE)

    assert counted(metrics, outcome)


def counted(metrics: Metrics, outcome: str) -> bool:
    line = f'somagent_events_published_total{{outcome="{outcome}",topic="audit.events"}} 1.0'
    return line in metrics.exposition().decode()
