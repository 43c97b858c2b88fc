"""What a reader says of brokers that are away, while it still has messages of theirs."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, final

import pytest
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from adapters.kafka.connection_trouble import ConnectionTrouble
from adapters.kafka.consumer import KafkaSource
from adapters.kafka.reader_settings import ReaderSettings
from domain.delivery.incoming_message import Partition

TOPIC: Final = "conversation.inbound"
SETTINGS: Final = ReaderSettings(connection={}, group="turns", topics=(TOPIC,))
DOWN: Final = KafkaError(KafkaError._ALL_BROKERS_DOWN)  # noqa: SLF001 - librdkafka's name of it
SAID: Final = "no message is read"


@final
class Fetched(Consumer):
    """A client with messages that it fetched before its brokers went away; they keep commits."""

    def __init__(self) -> None:
        super().__init__({"group.id": "turns"})

    def poll(self, timeout: float = -1) -> Message:
        del timeout
        return Message(topic=TOPIC, partition=0, offset=0, value=b"x")

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition(TOPIC, 0)]

    def commit(  # type: ignore[override]  # of all its forms this is the one that is used
        self, *, offsets: list[TopicPartition], asynchronous: bool
    ) -> list[TopicPartition]:
        del asynchronous
        return offsets


@contextmanager
def reader() -> Generator[KafkaSource]:
    with ThreadPoolExecutor(max_workers=1) as thread:
        consumer = Fetched()
        yield KafkaSource(
            consumer=consumer, thread=thread, settings=SETTINGS, trouble=ConnectionTrouble()
        )
        consumer.close()


async def test_what_was_fetched_before_does_not_say_that_brokers_are_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with reader() as source:
        for _ in range(3):
            source.trouble(DOWN)
            assert len((await source.poll(1, 0)).messages) == 1

    assert caplog.text.count(SAID) == 1


async def test_a_commit_that_they_kept_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with reader() as source:
        for _ in range(2):
            source.trouble(DOWN)
            await source.poll(1, 0)
            await source.commit({Partition(TOPIC, 0): 1})

    assert caplog.text.count(SAID) == 2
