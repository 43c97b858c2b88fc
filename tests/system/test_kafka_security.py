"""A real broker that speaks TLS and wants to know who is there."""

import asyncio
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from adapters.kafka.condition import condition_of
from adapters.kafka.connection import KafkaConnection
from adapters.kafka.consumer import open_reader
from adapters.kafka.publisher import ProducerTerms, open_publisher
from adapters.kafka.reader_settings import ReaderSettings
from adapters.protobuf.envelopes import envelope_of
from application.delivery.relay_events import RelayEvents
from entrypoints.assembly.delivery import kafka_connection
from entrypoints.assembly.secrets import SecretKeeper
from entrypoints.settings.sources import load
from tests.contract.outboxes import ONE, Outgoings, inmemory_outgoings
from tests.contract.readers import make_topics
from tests.fakes import CountingIdentifiers, StoppedClock
from tests.plugins.engines import program
from tests.plugins.kafka import KafkaBrokers
from tests.system.certificates import new_authority

pytestmark = pytest.mark.xdist_group("kafka")

USER, PASSWORD = "somagent", "correct-horse"
TOPIC = "conversation.outbound"
PATIENCE = 240.0

PATIENT = ProducerTerms(delivery_seconds=60)
QUICK = ProducerTerms(delivery_seconds=2)
"""Gives up soon, for whoever is refused."""


@dataclass(frozen=True, slots=True)
class Secured:
    """A broker, the file of its authority, and that of one which it never saw."""

    brokers: KafkaBrokers
    authority: Path
    stranger: Path


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Generator[Secured]:
    program("kafka")
    folder = tmp_path_factory.mktemp("secured")
    authority = new_authority("ours")
    environment = {
        "KAFKA_SECURE": str(authority.write_server(folder / "broker.pem")),
        "KAFKA_USER": USER,
        "KAFKA_PASSWORD": PASSWORD,
    }
    brokers = KafkaBrokers(folder / "kafka", environment=environment)
    try:
        brokers.start()
        yield Secured(
            brokers,
            authority.write(folder / "authority.pem"),
            new_authority("theirs").write(folder / "stranger.pem"),
        )
    finally:
        brokers.stop()


@pytest.fixture
async def connection(secured: Secured, tmp_path: Path) -> KafkaConnection:
    """As an operator sets it, the password among the secrets."""
    settings = load(
        {
            "SOMAGENT_SECRETS__STORE_FOLDER": str(tmp_path / "secrets"),
            "SOMAGENT_KAFKA__BOOTSTRAP_SERVERS": secured.brokers.secure_servers,
            "SOMAGENT_KAFKA__SECURITY": "sasl_tls",
            "SOMAGENT_KAFKA__CA_FILE": str(secured.authority),
            "SOMAGENT_KAFKA__USERNAME": USER,
            "SOMAGENT_KAFKA__PASSWORD": "secret:kafka-password",
            "SOMAGENT_KAFKA__TOPIC_PREFIX": f"{tmp_path.name}.",
        },
        places=(),
    ).settings
    keeper = SecretKeeper(settings)
    assert settings.kafka.password is not None
    await keeper.put(settings.kafka.password, PASSWORD)
    return await kafka_connection(settings.kafka, keeper)


async def relayed(
    outgoings: Outgoings, connection: KafkaConnection, terms: ProducerTerms = PATIENT
) -> list[str]:
    """Relay for a pass or more, until all is published or it is told why not; gives what is."""
    told: list[str] = []
    async with open_publisher(connection, terms) as publisher:
        relay = RelayEvents(
            relay_id=ONE,
            outbox=outgoings.outbox,
            envelopes=envelope_of,
            publisher=publisher,
            clock=StoppedClock(),
            identifiers=CountingIdentifiers("relay"),
            told=told.append,
        )
        async with asyncio.timeout(PATIENCE):
            while not told and not await outgoings.all_published():
                await relay()
        await relay.stop()
    return told


async def why_nothing_is_relayed(
    outgoings: Outgoings, connection: KafkaConnection, words: str
) -> str:
    """What a relay tells whose publisher was refused with these words before it gave up."""
    cause = ""
    async with asyncio.timeout(PATIENCE):
        while words not in cause:
            (cause,) = await relayed(outgoings, connection, QUICK)
    return cause


async def problem_with(connection: KafkaConnection, words: str) -> str:
    """What a look at the cluster finds, once it was answered in time; empty without words."""
    problem = "not looked"
    async with asyncio.timeout(PATIENCE):
        while words not in problem if words else problem:
            problem = (await asyncio.to_thread(condition_of, connection)).problem
    return problem


def readers(connection: KafkaConnection) -> ReaderSettings:
    return ReaderSettings(
        connection=connection.config(),
        group="readers",
        topics=(TOPIC,),
        prefix=connection.topic_prefix,
    )


async def read(connection: KafkaConnection) -> list[bytes]:
    """The first messages of the topic that a new group gets."""
    async with open_reader(readers(connection)) as source, asyncio.timeout(PATIENCE):
        while True:
            if found := (await source.poll(10, 0.5)).messages:
                return [one.value for one in found]


async def told_who_reads_in_vain(
    connection: KafkaConnection, caplog: pytest.LogCaptureFixture, words: str
) -> str:
    """What is logged for a reader that was refused with these words before it tells why."""
    told = ""
    async with asyncio.timeout(PATIENCE):
        while words not in told:
            told = await read_in_vain(connection, caplog)
    return told


async def read_in_vain(connection: KafkaConnection, caplog: pytest.LogCaptureFixture) -> str:
    """Poll until it is logged that nothing can be read, and go on for a while; what is logged."""
    before = len(caplog.text)
    async with open_reader(readers(connection)) as source:
        while "no message is read" not in caplog.text[before:]:
            assert (await source.poll(10, 0.5)).messages == []
        for _ in range(4):
            assert (await source.poll(10, 0.5)).messages == []
    return caplog.text[before:]


@pytest.mark.parametrize("mechanism", ["scram-sha-512", "plain"])
async def test_who_is_known_publishes_and_reads(
    connection: KafkaConnection, mechanism: str
) -> None:
    known = replace(connection, sasl_mechanism=mechanism)
    await asyncio.to_thread(make_topics, known)
    outgoings = inmemory_outgoings(StoppedClock())
    await outgoings.commit("a")

    assert await relayed(outgoings, known) == []

    assert len(await read(known)) == 1
    assert await problem_with(known, "") == ""


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("password", "Authentication failed"),
        ("authority", "verify that kafka.ca_file is correctly configured"),
        ("security", "they may want other kafka.security than is set"),
    ],
)
async def test_who_is_not_is_told_why_and_the_events_stay(
    connection: KafkaConnection,
    secured: Secured,
    caplog: pytest.LogCaptureFixture,
    wrong: str,
    words: str,
) -> None:
    await asyncio.to_thread(make_topics, connection)
    refused = {
        "password": replace(connection, password=PASSWORD[1:]),
        "authority": replace(connection, ca_file=str(secured.stranger)),
        "security": replace(connection, security="plaintext"),
    }[wrong]
    outgoings = inmemory_outgoings(StoppedClock())
    await outgoings.commit("a")

    cause = await why_nothing_is_relayed(outgoings, refused, words)
    told = await told_who_reads_in_vain(refused, caplog, words)

    assert words in await problem_with(refused, words)
    assert told.count("no message is read") == 1
    assert PASSWORD not in cause + caplog.text
    assert not await outgoings.all_published()
    assert await relayed(outgoings, connection) == []
    assert len(await read(connection)) == 1
