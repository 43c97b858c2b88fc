"""What a server's turns leave on a real broker, whether it is there or comes back later."""

import asyncio
from functools import partial

import pytest

from adapters.kafka.connection import KafkaConnection
from somagent.events.v1 import events_pb2 as pb
from somagent.operations.v1 import operations_pb2
from tests.contract.readers import make_topics, messages_of, new_connection
from tests.plugins.kafka import KafkaBrokers
from tests.system.conversing import answer_to, open_session
from tests.system.installation import Installation, new_capsule, new_tenant
from tests.system.service import Service, serving, until
from tests.upstream.chunks import answer
from tests.upstream.scripted import ScriptedUpstream, streamed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("kafka")]

TURNS = "conversation.outbound"


def on(installation: Installation, connection: KafkaConnection) -> Installation:
    return installation.beside().with_settings(
        kafka__bootstrap_servers=connection.bootstrap_servers,
        kafka__topic_prefix=connection.topic_prefix,
        relay__poll_seconds=0.2,
    )


async def talk(
    service: Service, installation: Installation, upstream: ScriptedUpstream, slug: str
) -> str:
    """One answered turn of a new tenant; its session."""
    client = await new_tenant(await installation.operator(service.address), slug)
    capsule = await new_capsule(client, installation.author_key, "plain")
    session = await open_session(client, capsule)
    upstream.answers(streamed(*answer("Yes.")))
    await answer_to(client, session)
    return session


def types_of(connection: KafkaConnection, topic: str, key: str) -> list[tuple[str, int]]:
    envelopes = [pb.Envelope.FromString(one.value) for one in messages_of(connection, topic)]
    return [(one.type, one.sequence) for one in envelopes if one.key == key]


async def arrived(connection: KafkaConnection, topic: str, key: str, kind: str) -> bool:
    found = await asyncio.to_thread(types_of, connection, topic, key)
    return kind in [one for one, _ in found]


async def test_the_events_of_a_turn_arrive_in_order(
    installation: Installation, upstream: ScriptedUpstream, kafka: KafkaBrokers
) -> None:
    connection = new_connection(kafka.bootstrap_servers)
    made = on(installation, connection).with_settings(
        kafka__create_topics=True, kafka__replication=1, kafka__partitions=3
    )
    async with serving(made) as service:
        session = await talk(service, made, upstream, "broker")
        operator = await installation.operator(service.address)

        async def kafka_is_well() -> bool:
            info = await operator.ask(
                operations_pb2.GetServerInfoRequest(), operations_pb2.GetServerInfoResponse
            )
            return {one.name: one.note for one in info.engines}["kafka"] == ""

        await until(kafka_is_well)
        await until(partial(arrived, connection, TURNS, session, "turn.completed"))
        await until(partial(arrived, connection, "usage.events", session, "usage.recorded"))

    turns = await asyncio.to_thread(types_of, connection, TURNS, session)
    once = list(dict.fromkeys(turns))  # what was not acknowledged in time comes twice
    assert [kind for kind, _ in once] == ["turn.accepted", "turn.completed"]
    assert [number for _, number in once] == sorted(number for _, number in once)


async def test_with_the_broker_away_turns_go_on_and_their_events_arrive_later(
    installation: Installation, upstream: ScriptedUpstream, own_kafka: KafkaBrokers
) -> None:
    connection = new_connection(own_kafka.bootstrap_servers)
    await asyncio.to_thread(make_topics, connection)
    await asyncio.to_thread(own_kafka.kill)
    made = on(installation, connection).with_settings(kafka__delivery_seconds=2)
    async with serving(made) as service:
        session = await talk(service, made, upstream, "away")
        await service.ready()

        await asyncio.to_thread(own_kafka.start)
        await until(partial(arrived, connection, TURNS, session, "turn.completed"))

    turns = await asyncio.to_thread(types_of, connection, TURNS, session)
    assert list(dict.fromkeys(kind for kind, _ in turns)) == ["turn.accepted", "turn.completed"]
