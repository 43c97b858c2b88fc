"""Topics cannot be made where no broker answers."""

from pathlib import Path

import pytest

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.topics import TopicTerms, create_topics
from domain.delivery.errors import PublisherAwayError

TERMS = TopicTerms(partitions=1, replication=1)


def test_a_broker_that_is_away_is_said_to_be_so() -> None:
    closed = KafkaConnection(bootstrap_servers="127.0.0.1:1")

    with pytest.raises(PublisherAwayError, match=r"audit\.events"):
        create_topics(closed, TERMS, ["audit.events"], seconds=0.5)


def test_an_authority_that_is_gone_is_said_to_be_so(tmp_path: Path) -> None:
    secured = KafkaConnection(
        bootstrap_servers="broker:9093", security="tls", ca_file=str(tmp_path / "gone.pem")
    )

    with pytest.raises(PublisherAwayError, match=r"ssl\.ca\.location"):
        create_topics(secured, TERMS, ["audit.events"], seconds=0.5)
