"""The brokers that tests are given keep what they acknowledged, however they are ended."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# confluent-kafka does not say what its futures hold.

from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.plugins.kafka import KafkaBrokers

TOPIC = "kept"
PATIENCE = 240.0


def make_topic(brokers: KafkaBrokers, copies: int) -> None:
    admin = AdminClient({"bootstrap.servers": brokers.bootstrap_servers})
    made: dict[str, Future[None]] = admin.create_topics([NewTopic(TOPIC, 1, copies)])
    made[TOPIC].result(PATIENCE)


def produce(brokers: KafkaBrokers, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": brokers.bootstrap_servers, "acks": "all"})
    producer.produce(TOPIC, value)
    assert producer.flush(PATIENCE) == 0


def consumed(brokers: KafkaBrokers) -> bytes | None:
    """The first message that a new group is given; a broker that is not ready yet is asked on."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers.bootstrap_servers,
            "group.id": "one",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([TOPIC])
    until = monotonic() + PATIENCE
    try:
        while monotonic() < until:
            found = consumer.poll(1)
            if found is not None and found.error() is None:
                return found.value()
        return None
    finally:
        consumer.close()


@pytest.mark.parametrize("end", [KafkaBrokers.stop, KafkaBrokers.kill])
def test_a_broker_comes_back_with_what_it_kept(
    own_kafka: KafkaBrokers, end: Callable[[KafkaBrokers], None]
) -> None:
    make_topic(own_kafka, copies=1)
    produce(own_kafka, b"before")

    end(own_kafka)
    own_kafka.start()

    assert consumed(own_kafka) == b"before"


def test_three_brokers_go_on_without_one(three_brokers: KafkaBrokers) -> None:
    make_topic(three_brokers, copies=3)

    three_brokers.kill(2)
    produce(three_brokers, b"with two")

    assert consumed(three_brokers) == b"with two"
