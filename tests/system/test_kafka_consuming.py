"""`somagent consume` as a process: it is killed in the middle, and another goes on."""

import asyncio
from uuid import uuid1

import pytest
from confluent_kafka import Producer

from adapters.kafka.connection import KafkaConnection
from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.events.v1.events_pb2 import Envelope, MessageSent
from tests.contract.readers import make_topics
from tests.plugins.kafka import KafkaBrokers
from tests.system.client import PATIENCE_SECONDS, Client
from tests.system.conversing import ENDED, message, open_session
from tests.system.installation import Installation, new_capsule, new_tenant
from tests.system.service import http_body, listened_ports, port_of, serving, until
from tests.upstream.chunks import answer
from tests.upstream.scripted import ScriptedUpstream, streamed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("kafka")]


def put(connection: KafkaConnection, client: Client, session: str, text: str) -> None:
    envelope = Envelope(type="message.sent", version=1)
    envelope.payload.Pack(MessageSent(request=message(session, text)))
    producer = Producer({**connection.config(), "acks": "all"})
    producer.produce(
        connection.topic("conversation.inbound"),
        envelope.SerializeToString(),
        session,
        headers=[("x-api-key", client.key.encode())],
    )
    assert producer.flush(PATIENCE_SECONDS) == 0


async def turns_of(client: Client, session: str) -> list[pb.Turn]:
    answer = await client.ask(pb.ListTurnsRequest(parent=session), pb.ListTurnsResponse)
    return list(reversed(answer.turns))


async def test_a_killed_consumer_loses_and_doubles_nothing(
    kafka: KafkaBrokers, installation: Installation, upstream: ScriptedUpstream
) -> None:
    connection = KafkaConnection(
        bootstrap_servers=kafka.bootstrap_servers, topic_prefix=f"t{uuid1().hex}."
    )
    await asyncio.to_thread(make_topics, connection)
    upstream.answers(*(streamed(*answer("Yes.")) for _ in range(40)))
    with_kafka = installation.with_settings(
        kafka__bootstrap_servers=connection.bootstrap_servers,
        kafka__topic_prefix=connection.topic_prefix,
        kafka__consumers__session_seconds=6,
    )
    async with serving(installation) as server:
        operator = await installation.operator(server.address)
        client = await new_tenant(operator, f"t{uuid1().hex[:20]}")
        await new_capsule(client, await installation.author(), "helpful")
        sessions = [await open_session(client, "helpful") for _ in range(4)]

        async def begun() -> bool:
            return bool(await turns_of(client, sessions[0]))

        async def done() -> bool:
            turns = [turn for one in sessions for turn in await turns_of(client, one)]
            return len(turns) == 12 and all(turn.state in ENDED for turn in turns)

        async with serving(with_kafka.beside(), command="consume") as first:
            for number in range(3):
                for session in sessions:
                    put(connection, client, session, str(number))
            await until(begun)
            await first.kill()
        async with serving(with_kafka.beside(), command="consume") as second:
            await until(done)
            assert listened_ports(second.process.pid) == {port_of(second.http_address)}
            assert "somagent_messages_total{" in await http_body(second.http_address, "/metrics")
            assert await second.stop() == 0

        for session in sessions:
            said = [turn.message for turn in await turns_of(client, session)]
            assert said == ["0", "1", "2"]
