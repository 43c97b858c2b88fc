"""A producer that met a fatal error is replaced, and nobody waits for what it had."""

import asyncio
from collections.abc import Generator

import pytest
from confluent_kafka import KafkaError

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.publisher import KafkaPublisher, ProducerTerms, open_publisher
from domain.delivery.errors import PublisherAwayError
from domain.delivery.outgoing_message import OutgoingMessage
from tests.unit.adapters.kafka.brokers import (
    INIT_PRODUCER_ID,
    PRODUCE,
    MockBrokers,
    mock_brokers,
)

MESSAGE = OutgoingMessage(topic="audit.events", key=b"a", headers=(), value=b"1")

ENDED = "the producer ended"

PATIENCE_SECONDS = 120.0
"""Much longer than a producer is given to acknowledge a message."""


@pytest.fixture
def brokers() -> Generator[MockBrokers]:
    with mock_brokers() as brokers:
        yield brokers


@pytest.fixture
def connection(brokers: MockBrokers) -> KafkaConnection:
    return KafkaConnection(bootstrap_servers=brokers.bootstrap_servers)


async def published_in_the_end(publisher: KafkaPublisher) -> None:
    """Publish as a relay does, until it is acknowledged."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                await publisher.publish(MESSAGE)
            except PublisherAwayError:
                await asyncio.sleep(0.05)  # the pause of a relay
            else:
                return


async def problem_of(publisher: KafkaPublisher) -> str:
    """What is told of a producer that ended."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            problem = (await publisher.condition()).problem
            if ENDED in problem:
                return problem
            await asyncio.sleep(0.05)


async def test_what_was_under_way_fails_when_the_producer_ends_and_the_next_takes_it(
    connection: KafkaConnection, brokers: MockBrokers
) -> None:
    brokers.go_away()
    async with open_publisher(connection, ProducerTerms(delivery_seconds=60)) as publisher:
        underway = [asyncio.create_task(publisher.publish(MESSAGE)) for _ in range(3)]
        await asyncio.sleep(0)  # the producer has all three before any can be sent
        brokers.fail(PRODUCE, KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER)
        brokers.come_back()

        async with asyncio.timeout(PATIENCE_SECONDS):
            ended = await asyncio.gather(*underway, return_exceptions=True)
        await published_in_the_end(publisher)

    assert [type(one) for one in ended] == [PublisherAwayError] * 3
    assert "sequence" in str(ended[0])


async def test_producers_that_the_broker_refuses_follow_one_another_until_it_takes_one(
    connection: KafkaConnection, brokers: MockBrokers
) -> None:
    brokers.fail(INIT_PRODUCER_ID, KafkaError.CLUSTER_AUTHORIZATION_FAILED, times=1000)
    async with open_publisher(connection, ProducerTerms()) as publisher:
        with pytest.raises(PublisherAwayError):
            await publisher.publish(MESSAGE)
        told = await problem_of(publisher)

        brokers.recover(INIT_PRODUCER_ID)
        await published_in_the_end(publisher)

        assert "idempotence" in told
        assert ENDED not in (await publisher.condition()).problem


async def test_a_publisher_whose_producer_ended_closes(
    connection: KafkaConnection, brokers: MockBrokers
) -> None:
    brokers.fail(INIT_PRODUCER_ID, KafkaError.CLUSTER_AUTHORIZATION_FAILED, times=1000)
    async with asyncio.timeout(PATIENCE_SECONDS):
        async with open_publisher(connection, ProducerTerms()) as publisher:
            with pytest.raises(PublisherAwayError):
                await publisher.publish(MESSAGE)
        with pytest.raises(PublisherAwayError):
            await publisher.publish(MESSAGE)
