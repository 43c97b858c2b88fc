"""What errors of Kafka say about a message: nothing, that it may pass, or that it will not."""

# ruff: noqa: SLF001 - the names of librdkafka's own codes begin with an underscore

from typing import Final

from confluent_kafka import KafkaError

from adapters.kafka.connection_trouble import ConnectionTrouble
from domain.delivery.errors import EventFailedError, EventRefusedError, PublisherAwayError

_REFUSED: Final = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_TIMESTAMP,
        KafkaError.POLICY_VIOLATION,
        KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT,
    }
)
"""Of this message alone."""

_FAILED: Final = frozenset(
    {
        KafkaError.UNKNOWN,
        KafkaError.KAFKA_STORAGE_ERROR,
        KafkaError._FAIL,
        KafkaError._BAD_MSG,
        KafkaError._INVALID_ARG,
    }
)
"""Of this message or of its moment: nobody can tell."""

_MISSING: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
    }
)

_OF_TOPIC: Final = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.NOT_ENOUGH_REPLICAS,
        KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    }
)

_LATE: Final = frozenset(
    {
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError._MSG_TIMED_OUT,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
    }
)
"""Of all where no broker is reached; otherwise of where this message should have gone."""


def trouble_of(
    error: KafkaError, topic: str, connections: ConnectionTrouble
) -> PublisherAwayError | EventFailedError | EventRefusedError:
    """The error as the port tells it.

    What is not of one message is of its topic, which is missing, refuses us or lacks copies; or of
    the cluster, for which every message waits: it is away, starts, or does not know us.
    """
    told = f"{error.name()}: {error.str()}"
    if error.fatal() or error.code() == KafkaError._FATAL:
        # The producer ended, with every message it had.
        return PublisherAwayError(told)
    if error.code() in _REFUSED:
        return EventRefusedError(told)
    if error.code() in _FAILED:
        return EventFailedError(told)
    if error.code() in _MISSING:
        missing = f"the topic {topic} is missing; run: somagent topics create"
        return PublisherAwayError(missing, topic)
    late = error.code() in _LATE and not connections.down.is_set()
    if late or error.code() in _OF_TOPIC:
        return PublisherAwayError(connections.of(f"the topic {topic}: {told}"), topic)
    return PublisherAwayError(connections.of(told))
