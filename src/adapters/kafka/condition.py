"""A look at a Kafka cluster: is it there, how fast, and has it every topic."""

from time import monotonic
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.connection_trouble import ConnectionTrouble
from application.delivery.ports.publisher import PublisherCondition
from domain.delivery.topic import TOPIC_NAMES

LOOK_SECONDS: Final = 2.0


def condition_of(connection: KafkaConnection) -> PublisherCondition:
    """What a look finds. Blocks for two seconds at most."""
    began, trouble = monotonic(), ConnectionTrouble()
    try:
        # A client is not made where a file that it needs is gone, or unreadable.
        admin = AdminClient(connection.config(), error_cb=trouble)
        try:
            cluster = admin.list_topics(timeout=LOOK_SECONDS)
        finally:
            admin.poll(0)
    except KafkaException as error:
        problem = trouble.of(error.args[0].str())
        return _condition(began, problem=f"{connection.bootstrap_servers}: {problem}")
    missing = [name for name in map(connection.topic, TOPIC_NAMES) if name not in cluster.topics]
    problem = f"topics are missing: {', '.join(missing)}" if missing else ""
    count = len(cluster.brokers)
    return _condition(began, version=f"{count} broker{'s' * (count != 1)}", problem=problem)


def _condition(began: float, *, version: str = "", problem: str) -> PublisherCondition:
    return PublisherCondition(
        name="kafka", version=version, latency_seconds=monotonic() - began, problem=problem
    )
