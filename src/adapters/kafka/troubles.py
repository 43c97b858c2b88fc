"""What errors of Kafka say about a message: nothing, that it may pass, or that it will not."""

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
        KafkaError._FAIL,  # noqa: SLF001 - librdkafka's own codes are named so
        KafkaError._BAD_MSG,  # noqa: SLF001
        KafkaError._INVALID_ARG,  # noqa: SLF001
    }
)
"""Of this message or of its moment: nobody can tell."""

_MISSING: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
    }
)


def trouble_of(
    error: KafkaError, topic: str, connections: ConnectionTrouble
) -> PublisherAwayError | EventFailedError | EventRefusedError:
    """The error as the port tells it.

    All that is not of one message is of the broker, for which every message waits: a cluster that
    is away, starts, lacks copies, does not know us, or lacks a topic.
    """
    if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001
        # The producer ended, with every message it had.
        return PublisherAwayError(f"{error.name()}: {error.str()}")
    if error.code() in _REFUSED:
        return EventRefusedError(f"{error.name()}: {error.str()}")
    if error.code() in _FAILED:
        return EventFailedError(f"{error.name()}: {error.str()}")
    if error.code() in _MISSING:
        return PublisherAwayError(f"the topic {topic} is missing; run: somagent topics create")
    return PublisherAwayError(connections.of(f"{error.name()}: {error.str()}"))
