"""The publishing of events, put together: the broker, or this process, and the relay before it."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from adapters.local.publisher import LocalPublisher
from adapters.postgres.database import DatabaseSettings, open_database
from adapters.postgres.outbox import PostgresOutbox
from adapters.protobuf.envelopes import envelope_of
from application.delivery.ports.outbox import Outbox
from application.delivery.ports.publisher import EventPublisher, PublisherCondition
from application.delivery.ports.source import MessageSource
from application.delivery.relay_events import RelayEvents, RelayTerms
from domain.delivery.outgoing_message import OutgoingMessage
from domain.delivery.topic import CONSUMED, TOPIC_NAMES
from domain.kernel.identifiers import ServerId
from entrypoints.assembly.secrets import SecretKeeper
from entrypoints.assembly.system import System
from entrypoints.settings.delivery import KafkaSettings, RelaySettings
from entrypoints.settings.settings import Settings
from entrypoints.settings.values import NO_FILE, Profile

if TYPE_CHECKING:
    from adapters.kafka.connection import KafkaConnection

EVENTS: Final = logging.getLogger("somagent.events")

# ruff: noqa: PLC0415 - without a broker nothing of its client is loaded


@asynccontextmanager
async def open_event_publisher(
    settings: Settings, secrets: SecretKeeper
) -> AsyncGenerator[EventPublisher]:
    """Where events are published to. A broker need not be there yet.

    Raises:
        StartError: Its password is configured and not set.
    """
    if not settings.kafka.bootstrap_servers:
        if settings.profile is Profile.STANDARD:
            EVENTS.warning(
                "no broker is set (kafka.bootstrap_servers): events leave the database and reach "
                "nobody outside of this process"
            )
        yield LocalPublisher((_noted,))
        return
    from adapters.kafka.publisher import ProducerTerms, open_publisher

    terms = ProducerTerms(
        delivery_seconds=settings.kafka.delivery_seconds,
        max_message_bytes=settings.kafka.max_message_bytes,
    )
    connection = await kafka_connection(settings.kafka, secrets)
    async with open_publisher(connection, terms) as publisher:
        yield publisher


async def kafka_connection(kafka: KafkaSettings, secrets: SecretKeeper) -> "KafkaConnection":
    """How the configured cluster is reached.

    Raises:
        StartError: Its password is configured and not set.
    """
    from adapters.kafka.connection import KafkaConnection

    return KafkaConnection(
        bootstrap_servers=kafka.bootstrap_servers,
        security=kafka.security.value,
        ca_file="" if kafka.ca_file == NO_FILE else str(kafka.ca_file),
        sasl_mechanism=kafka.sasl_mechanism.value,
        username=kafka.username,
        password=await secrets.need(kafka.password) if kafka.password else "",
        topic_prefix=kafka.topic_prefix,
    )


@asynccontextmanager
async def open_source(
    settings: Settings, secrets: SecretKeeper, index: int
) -> AsyncGenerator[MessageSource]:
    """A reader of what other systems send, for a process that is the nth of its siblings.

    Raises:
        StartError: The broker's password is configured and not set.
    """
    from adapters.kafka.consumer import open_reader
    from adapters.kafka.reader_settings import ReaderSettings

    connection = await kafka_connection(settings.kafka, secrets)
    consumers = settings.kafka.consumers
    reader = ReaderSettings(
        connection=connection.config(),
        group=consumers.group,
        topics=sorted(CONSUMED),
        prefix=settings.kafka.topic_prefix,
        name=f"{consumers.instance}-{index}" if consumers.instance else "",
        session_seconds=consumers.session_seconds,
    )
    async with open_reader(reader) as source:
        yield source


async def create_topics(settings: Settings, secrets: SecretKeeper) -> Sequence[str]:
    """Make the topics that are missing, and name them.

    Raises:
        PublisherAwayError: The cluster is away, or refuses.
        StartError: Its password is configured and not set.
    """
    from adapters.kafka import topics

    terms = topics.TopicTerms(
        partitions=settings.kafka.partitions, replication=settings.kafka.replication
    )
    connection = await kafka_connection(settings.kafka, secrets)
    return await asyncio.to_thread(topics.create_topics, connection, terms, TOPIC_NAMES)


async def broker_condition(settings: Settings, secrets: SecretKeeper) -> PublisherCondition:
    """Look at the configured cluster.

    Raises:
        StartError: Its password is configured and not set.
    """
    from adapters.kafka.condition import condition_of

    return await asyncio.to_thread(condition_of, await kafka_connection(settings.kafka, secrets))


@asynccontextmanager
async def open_outbox(settings: DatabaseSettings) -> AsyncGenerator[Outbox]:
    """The outbox by itself, for a process that only relays."""
    async with open_database(settings) as database:
        yield PostgresOutbox(database=database)


def relay_of(
    settings: RelaySettings,
    relay_id: ServerId,
    outbox: Outbox,
    publisher: EventPublisher,
    system: System,
    told: Callable[[str], None],
) -> RelayEvents:
    return RelayEvents(
        relay_id=relay_id,
        outbox=outbox,
        envelopes=envelope_of,
        publisher=publisher,
        clock=system.clock,
        identifiers=system.identifiers,
        told=told,
        terms=RelayTerms(
            lease_seconds=settings.lease_seconds,
            events=settings.events,
            rest_seconds=settings.poll_seconds,
        ),
    )


async def _noted(message: OutgoingMessage) -> None:
    """The subscriber of every process: who develops sees events go by at log level `debug`."""
    if EVENTS.isEnabledFor(logging.DEBUG):
        headers = {name: value.decode(errors="replace") for name, value in message.headers}
        EVENTS.debug("published %s", headers["type"], extra={"topic": message.topic, **headers})
