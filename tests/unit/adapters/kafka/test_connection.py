"""What the clients of a cluster are told, and what nobody is."""

import pytest
from confluent_kafka import KafkaError, Producer

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.connection_trouble import ConnectionTrouble
from adapters.kafka.troubles import trouble_of
from domain.delivery.errors import EventFailedError, EventRefusedError, PublisherAwayError

SECURE = KafkaConnection(
    bootstrap_servers="broker:9093",
    security="sasl_tls",
    username="us",
    password="hunter2",  # noqa: S106 - of nobody
    topic_prefix="prod.",
)


@pytest.mark.parametrize(
    ("security", "protocol"),
    [
        ("plaintext", "PLAINTEXT"),
        ("tls", "SSL"),
        ("sasl_plaintext", "SASL_PLAINTEXT"),
        ("sasl_tls", "SASL_SSL"),
    ],
)
def test_security_is_named_as_the_client_names_it(security: str, protocol: str) -> None:
    connection = KafkaConnection(bootstrap_servers="broker:9092", security=security)

    assert connection.config()["security.protocol"] == protocol


def test_the_client_takes_what_it_is_told() -> None:
    config = SECURE.config()

    assert config["sasl.mechanism"] == "SCRAM-SHA-512"
    assert Producer(config) is not None


def test_a_topic_stands_behind_the_prefix() -> None:
    assert SECURE.topic("audit.events") == "prod.audit.events"


def test_the_password_is_shown_to_nobody() -> None:
    assert "hunter2" not in repr(SECURE)


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        (KafkaError.MSG_SIZE_TOO_LARGE, EventRefusedError),
        (KafkaError.POLICY_VIOLATION, EventRefusedError),
        (KafkaError.UNKNOWN, EventFailedError),
        (KafkaError.NOT_ENOUGH_REPLICAS, PublisherAwayError),
        (KafkaError.SASL_AUTHENTICATION_FAILED, PublisherAwayError),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, PublisherAwayError),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, PublisherAwayError),
        (KafkaError._MSG_TIMED_OUT, PublisherAwayError),  # noqa: SLF001 - librdkafka's name of it
    ],
)
def test_an_error_is_of_its_message_or_of_the_broker(code: int, trouble: type) -> None:
    assert type(trouble_of(KafkaError(code), "audit.events", ConnectionTrouble())) is trouble


@pytest.mark.parametrize(
    ("code", "topic"),
    [
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "audit.events"),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, "audit.events"),
        (KafkaError._UNKNOWN_TOPIC, "audit.events"),  # noqa: SLF001 - librdkafka's name of it
        (KafkaError.NOT_ENOUGH_REPLICAS, "audit.events"),
        (KafkaError._MSG_TIMED_OUT, "audit.events"),  # noqa: SLF001 - librdkafka's name of it
        (KafkaError.SASL_AUTHENTICATION_FAILED, ""),
        (KafkaError.CLUSTER_AUTHORIZATION_FAILED, ""),
        (KafkaError._TRANSPORT, ""),  # noqa: SLF001 - librdkafka's name of it
        (KafkaError._ALL_BROKERS_DOWN, ""),  # noqa: SLF001 - librdkafka's name of it
    ],
)
def test_what_is_away_is_one_topic_or_everything(code: int, topic: str) -> None:
    away = trouble_of(KafkaError(code), "audit.events", ConnectionTrouble())

    assert isinstance(away, PublisherAwayError)
    assert away.topic == topic


def test_a_message_that_is_late_while_no_broker_is_reached_says_nothing_of_its_topic() -> None:
    trouble = ConnectionTrouble()
    trouble(KafkaError(KafkaError._ALL_BROKERS_DOWN))  # noqa: SLF001 - librdkafka's name of it
    late = KafkaError(KafkaError._MSG_TIMED_OUT)  # noqa: SLF001 - librdkafka's name of it

    away = trouble_of(late, "audit.events", trouble)

    assert isinstance(away, PublisherAwayError)
    assert away.topic == ""


@pytest.mark.parametrize(
    "error",
    [
        KafkaError(KafkaError._FATAL),  # noqa: SLF001 - librdkafka's name of it
        KafkaError(KafkaError.INVALID_RECORD, "the producer ended", fatal=True),
    ],
)
def test_a_fatal_error_is_of_no_message(error: KafkaError) -> None:
    assert type(trouble_of(error, "audit.events", ConnectionTrouble())) is PublisherAwayError


def test_what_a_client_says_of_its_connections_tells_why_a_call_timed_out() -> None:
    trouble = ConnectionTrouble()
    trouble(KafkaError(KafkaError._SSL, "verify ssl.ca.location (after 2ms in state SSL)"))  # noqa: SLF001 - librdkafka's name of it
    error = KafkaError(KafkaError._MSG_TIMED_OUT)  # noqa: SLF001 - librdkafka's name of it

    assert str(trouble_of(error, "audit.events", trouble)).endswith("; verify kafka.ca_file")


@pytest.mark.parametrize(
    "said",
    [
        "ssl://b:1: error:0A000086:SSL routines::certificate verify failed\n",
        "ssl://b:1: certificate verify failed: verify that ssl.ca.location is correctly configured",
    ],
)
def test_who_does_not_trust_the_brokers_is_told_once_which_setting_to_look_at(said: str) -> None:
    trouble = ConnectionTrouble()

    trouble(KafkaError(KafkaError._SSL, said))  # noqa: SLF001 - librdkafka's name of it

    assert trouble.words.count("verify that kafka.ca_file is correctly configured") == 1
    assert "\n" not in trouble.words


def test_who_is_hung_up_on_at_once_is_told_to_look_at_the_security() -> None:
    down = KafkaError(KafkaError._ALL_BROKERS_DOWN)  # noqa: SLF001 - librdkafka's name of it
    never_reached, reached = ConnectionTrouble(), ConnectionTrouble()
    reached.is_over()

    for one in (never_reached, reached):
        one(down)

    assert "kafka.security" in never_reached.words
    assert "kafka.security" not in reached.words
    assert reached.down.is_set()
