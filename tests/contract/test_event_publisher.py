"""What every publisher of events must honour."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from adapters.kafka.publisher import ProducerTerms
from domain.delivery.outgoing_message import OutgoingMessage
from tests.contract.readers import (
    Published,
    make_topics,
    new_connection,
    published_here,
    published_to,
)
from tests.plugins.kafka import KafkaBrokers
from tests.system.service import until

pytestmark = pytest.mark.xdist_group("kafka")

TOPIC = "usage.events"


@pytest.fixture(params=["local", "kafka"])
def brokers(request: pytest.FixtureRequest) -> KafkaBrokers | None:
    """A cluster; None for subscribers in this process."""
    if request.param == "local":
        return None
    shared: KafkaBrokers = request.getfixturevalue("kafka")
    return shared


@pytest.fixture
async def published(brokers: KafkaBrokers | None) -> AsyncGenerator[Published]:
    if brokers is None:
        async with published_here() as opened:
            yield opened
        return
    connection = new_connection(brokers.bootstrap_servers)
    await asyncio.to_thread(make_topics, connection)
    async with published_to(connection, ProducerTerms(delivery_seconds=60)) as opened:
        yield opened


def message(key: str, number: int, topic: str = TOPIC) -> OutgoingMessage:
    return OutgoingMessage(
        topic=topic,
        key=key.encode(),
        headers=(("type", b"usage.recorded"), ("traceparent", b"\xc3\xa9")),
        value=b"\x00\xff" + str(number).encode(),
    )


async def test_a_message_arrives_as_it_was_given(published: Published) -> None:
    await published.publisher.publish(message("a", 1))

    assert await published.read(TOPIC) == [message("a", 1)]


async def test_messages_of_a_key_arrive_in_their_order(published: Published) -> None:
    async def publish_in_order(key: str) -> None:
        for number in range(20):
            await published.publisher.publish(message(key, number))

    await asyncio.gather(*(publish_in_order(key) for key in "abcdefgh"))

    found = await published.read(TOPIC)
    for key in "abcdefgh":
        of_key = [one for one in found if one.key == key.encode()]
        assert of_key == [message(key, number) for number in range(20)]


async def test_each_topic_has_its_own_messages(published: Published) -> None:
    await published.publisher.publish(message("a", 1, "audit.events"))
    await published.publisher.publish(message("a", 2, "tool.results.dlq"))

    assert await published.read("audit.events") == [message("a", 1, "audit.events")]
    assert await published.read("tool.results.dlq") == [message("a", 2, "tool.results.dlq")]
    assert await published.read(TOPIC) == []


async def test_a_publisher_that_is_well_says_so(published: Published) -> None:
    async def is_well() -> bool:
        """It looks for two seconds; of topics just made a broker may hear a moment later."""
        condition = await published.publisher.condition()
        assert condition.latency_seconds >= 0
        return condition.problem == ""

    await until(is_well)
