"""Topics cannot be made where no broker answers."""

import pytest

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.topics import TopicTerms, create_topics
from domain.delivery.errors import PublisherAwayError

TERMS = TopicTerms(partitions=1, replication=1)


def test_a_broker_that_is_away_is_said_to_be_so() -> None:
    closed = KafkaConnection(bootstrap_servers="127.0.0.1:1")

    with pytest.raises(PublisherAwayError, match=r"audit\.events"):
        create_topics(closed, TERMS, ["audit.events"], seconds=0.5)
