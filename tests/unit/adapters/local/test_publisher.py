"""Without a broker there are the topics of this service alone."""

import pytest

from adapters.local.publisher import LocalPublisher
from domain.delivery.errors import EventRefusedError
from domain.delivery.outgoing_message import OutgoingMessage


async def test_a_topic_that_nobody_reads_is_refused() -> None:
    seen: list[OutgoingMessage] = []

    async def take(message: OutgoingMessage) -> None:
        seen.append(message)

    message = OutgoingMessage(topic="rebuilt", key=b"a", headers=(), value=b"1")
    with pytest.raises(EventRefusedError, match="rebuilt"):
        await LocalPublisher((take,)).publish(message)

    assert seen == []
