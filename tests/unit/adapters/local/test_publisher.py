"""Without a broker there are the topics of this service alone."""

import pytest

from adapters.local.publisher import LocalPublisher
from domain.delivery.errors import EventRefusedError
from domain.delivery.outgoing_message import OutgoingMessage
from domain.delivery.topic import TOPIC_NAMES


async def test_every_topic_of_the_service_is_there_under_its_name() -> None:
    seen: list[str] = []

    async def take(message: OutgoingMessage) -> None:
        seen.append(message.topic)

    for topic in TOPIC_NAMES:
        message = OutgoingMessage(topic=topic, key=b"a", headers=(), value=b"1")
        await LocalPublisher((take,)).publish(message)

    assert tuple(seen) == TOPIC_NAMES


async def test_a_topic_that_nobody_reads_is_refused() -> None:
    seen: list[OutgoingMessage] = []

    async def take(message: OutgoingMessage) -> None:
        seen.append(message)

    message = OutgoingMessage(topic="rebuilt", key=b"a", headers=(), value=b"1")
    with pytest.raises(EventRefusedError, match="rebuilt"):
        await LocalPublisher((take,)).publish(message)

    assert seen == []
