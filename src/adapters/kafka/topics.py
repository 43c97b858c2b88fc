"""The making of topics."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# confluent-kafka does not say what its futures hold.

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.connection_trouble import ConnectionTrouble
from domain.delivery.errors import PublisherAwayError

_SECONDS: Final = 20.0
_MARGIN_SECONDS: Final = 5.0
"""The client's own limit comes first: it says what was in the way."""

_MANY: Final = 3
"""From so many copies on one may be missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicTerms:
    """Partitions of each topic, and copies of each partition."""

    partitions: int
    replication: int

    def topic(self, name: str) -> NewTopic:
        acknowledging = self.replication - 1 if self.replication >= _MANY else 1
        return NewTopic(
            name,
            num_partitions=self.partitions,
            replication_factor=self.replication,
            config={"min.insync.replicas": str(acknowledging)},
        )


def create_topics(
    connection: KafkaConnection,
    terms: TopicTerms,
    names: Sequence[str],
    seconds: float = _SECONDS,
) -> list[str]:
    """Make those of these topics that are missing, and name those that were made. Blocks.

    The cluster has so many seconds to answer.

    Raises:
        PublisherAwayError: The cluster is away, or refuses; some may have been made.
    """
    trouble, made = ConnectionTrouble(), list[str]()
    wanted = [terms.topic(connection.topic(name)) for name in names]
    try:
        # A client is not made where a file that it needs is gone, or unreadable.
        admin = AdminClient(connection.config(), error_cb=trouble)
        answers: dict[str, Future[None]] = admin.create_topics(
            wanted, operation_timeout=seconds, request_timeout=seconds
        )
    except KafkaException as error:
        raise PublisherAwayError(trouble.of(error.args[0].str())) from error
    for name, answer in answers.items():
        try:
            answer.result(seconds + _MARGIN_SECONDS)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                admin.poll(0)
                cause = trouble.of(error.args[0].str())
                raise PublisherAwayError(f"{name}: {cause}") from error
        except TimeoutError as error:
            raise PublisherAwayError(f"{name}: no answer in time") from error
        else:
            made.append(name)
    return made
