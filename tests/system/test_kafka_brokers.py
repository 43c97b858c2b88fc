"""The brokers that tests are given keep what they acknowledged, however they are ended."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# confluent-kafka does not say what its futures hold.

from collections.abc import Callable
from concurrent.futures import Future

import pytest
from confluent_kafka import Consumer, Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.plugins.kafka import KafkaBrokers

TOPIC = "kept"


def make_topic(brokers: KafkaBrokers, copies: int) -> None:
    admin = AdminClient({"bootstrap.servers": brokers.bootstrap_servers})
    made: dict[str, Future[None]] = admin.create_topics([NewTopic(TOPIC, 1, copies)])
    made[TOPIC].result(60)


def produce(brokers: KafkaBrokers, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": brokers.bootstrap_servers, "acks": "all"})
    producer.produce(TOPIC, value)
    assert producer.flush(60) == 0


def consumed(brokers: KafkaBrokers) -> Message | None:
    consumer = Consumer(
        {
            "bootstrap.servers": brokers.bootstrap_servers,
            "group.id": "one",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([TOPIC])
    try:
        return consumer.poll(60)
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

    found = consumed(own_kafka)
    assert found is not None
    assert found.value() == b"before"


def test_three_brokers_go_on_without_one(three_brokers: KafkaBrokers) -> None:
    make_topic(three_brokers, copies=3)

    three_brokers.kill(2)
    produce(three_brokers, b"with two")

    found = consumed(three_brokers)
    assert found is not None
    assert found.value() == b"with two"
