"""Messages on a real broker become turns: over a broker that comes back, and servers that go."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# confluent-kafka does not say what its futures hold.

from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid1

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from adapters.postgres.database import DatabaseSettings
from domain.delivery.topic import TOPIC_NAMES
from somagent.conversation.v1 import conversation_pb2 as pb
from tests.e2e.inbound import INBOUND, Inbound, message_sent
from tests.e2e.stage import Stage, settings_for, staged
from tests.plugins.kafka import KafkaBrokers
from tests.system.client import PATIENCE_SECONDS
from tests.system.service import until
from tests.upstream.chunks import answer
from tests.upstream.scripted import ScriptedUpstream, streamed


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A broker's topics under a prefix of this test, and servers that consume them."""

    bootstrap: str
    prefix: str
    folder: Path
    upstream: ScriptedUpstream
    database: DatabaseSettings

    def server(self, instance: str = "") -> AbstractAsyncContextManager[Stage]:
        settings = settings_for(
            self.folder,
            self.upstream.base_url,
            SOMAGENT_KAFKA__BOOTSTRAP_SERVERS=self.bootstrap,
            SOMAGENT_KAFKA__TOPIC_PREFIX=self.prefix,
            SOMAGENT_KAFKA__CONSUMERS__ENABLED="true",
            SOMAGENT_KAFKA__CONSUMERS__SESSION_SECONDS="10",
            SOMAGENT_KAFKA__CONSUMERS__INSTANCE=instance,
        )
        return staged(settings, self.database)

    def put(self, inbound: Inbound, session: str, texts: Sequence[str], key: str = "") -> None:
        """Send messages under the session's name, or under another key."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "acks": "all"})
        for text in texts:
            producer.produce(
                self.prefix + INBOUND,
                message_sent(session, text),
                key or session,
                headers=[("authorization", f"Bearer {inbound.caller.key}".encode())],
            )
        assert producer.flush(PATIENCE_SECONDS) == 0


def cluster_on(
    brokers: KafkaBrokers, folder: Path, upstream: ScriptedUpstream, database: DatabaseSettings
) -> Cluster:
    prefix = f"t{uuid1().hex}."
    admin = AdminClient({"bootstrap.servers": brokers.bootstrap_servers})
    made: dict[str, Future[None]] = admin.create_topics(
        [NewTopic(prefix + name, 2, 1) for name in TOPIC_NAMES]
    )
    for future in made.values():
        future.result(PATIENCE_SECONDS)
    return Cluster(
        bootstrap=brokers.bootstrap_servers,
        prefix=prefix,
        folder=folder,
        upstream=upstream,
        database=database,
    )


@pytest.fixture
def cluster(
    kafka: KafkaBrokers,
    tmp_path: Path,
    upstream: ScriptedUpstream,
    database_settings: DatabaseSettings,
) -> Cluster:
    return cluster_on(kafka, tmp_path, upstream, database_settings)


async def speaker(stage: Stage) -> Inbound:
    slug, ada = await stage.tenant()
    return Inbound(stage=stage, slug=slug, caller=ada, capsule=await stage.capsule(slug, ada))


async def answered(inbound: Inbound, session: str, count: int) -> list[str]:
    """What was said in a session, when so many turns have ended."""

    async def whole() -> bool:
        turns = await inbound.turns(session)
        done = [one for one in turns if one.state == pb.TURN_STATE_COMPLETED]
        return len(done) == count == len(turns)

    await until(whole)
    return [turn.message for turn in await inbound.turns(session)]


async def test_messages_of_a_topic_become_turns_in_their_order(
    cluster: Cluster, upstream: ScriptedUpstream
) -> None:
    upstream.answers(*(streamed(*answer("Yes.")) for _ in range(5)))
    texts = [f"message {number}" for number in range(5)]
    async with cluster.server() as stage:
        inbound = await speaker(stage)
        session = await inbound.session()
        cluster.put(inbound, session, texts)

        assert await answered(inbound, session, 5) == texts
        assert await inbound.letters() == []


async def test_a_session_under_two_keys_has_each_message_once_and_each_key_in_order(
    cluster: Cluster, upstream: ScriptedUpstream
) -> None:
    upstream.answers(*(streamed(*answer("Yes.")) for _ in range(4)))
    async with cluster.server() as stage, cluster.server():
        inbound = await speaker(stage)
        session = await inbound.session()
        for text in ("1 first", "2 first", "1 second", "2 second"):
            cluster.put(inbound, session, [text], key=text[0])

        said = await answered(inbound, session, 4)
        assert [text for text in said if text[0] == "1"] == ["1 first", "1 second"]
        assert [text for text in said if text[0] == "2"] == ["2 first", "2 second"]
        assert await inbound.letters() == []


async def test_messages_wait_for_a_server_and_go_on_where_the_last_one_left(
    cluster: Cluster, upstream: ScriptedUpstream
) -> None:
    upstream.answers(*(streamed(*answer("Yes.")) for _ in range(4)))
    async with cluster.server("server") as stage:
        inbound = await speaker(stage)
        session = await inbound.session()
        cluster.put(inbound, session, ["one", "two"])
        await answered(inbound, session, 2)
    cluster.put(inbound, session, ["three", "four"])

    # Under the same name: what the first had is the second's at once.
    async with cluster.server("server") as stage:
        after = Inbound(
            stage=stage, slug=inbound.slug, caller=inbound.caller, capsule=inbound.capsule
        )

        assert await answered(after, session, 4) == ["one", "two", "three", "four"]


async def test_of_two_servers_of_one_name_one_reads_and_the_other_when_that_is_gone(
    cluster: Cluster, upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.answers(*(streamed(*answer("Yes.")) for _ in range(3)))
    async with cluster.server("server") as stage:
        inbound = await speaker(stage)
        session = await inbound.session()
        cluster.put(inbound, session, ["one"])
        await answered(inbound, session, 1)
        async with cluster.server("server"):
            await until(fenced_in(stage, 1))
            cluster.put(inbound, session, ["two"])
            await answered(inbound, session, 2)
            assert await fenced_in(stage, 1)()
        cluster.put(inbound, session, ["three"])

        assert await answered(inbound, session, 3) == ["one", "two", "three"]
        assert await fenced_in(stage, 0)()
        assert await inbound.letters() == []
    assert caplog.text.count("gone: this one reads again") == 1


def fenced_in(stage: Stage, count: int) -> Callable[[], Awaitable[bool]]:
    """Whether so many readers of a server are shown as fenced."""

    async def shown() -> bool:
        exposition = stage.process.application.telemetry().metrics.exposition()
        return f"somagent_readers_fenced {count}.0" in exposition.decode()

    return shown


async def test_a_group_of_two_servers_doubles_nothing_when_one_goes(
    cluster: Cluster, upstream: ScriptedUpstream
) -> None:
    upstream.answers(*(streamed(*answer("Yes.")) for _ in range(12)))
    async with cluster.server() as stage:
        inbound = await speaker(stage)
        sessions = [await inbound.session() for _ in range(4)]
        async with cluster.server():
            for session in sessions:
                cluster.put(inbound, session, ["one", "two"])
            await answered(inbound, sessions[0], 2)
        for session in sessions:
            cluster.put(inbound, session, ["three"])

        for session in sessions:
            assert await answered(inbound, session, 3) == ["one", "two", "three"]
        assert await inbound.letters() == []


async def test_a_server_goes_on_without_its_broker_and_reads_when_it_is_back(
    own_kafka: KafkaBrokers,
    tmp_path: Path,
    upstream: ScriptedUpstream,
    database_settings: DatabaseSettings,
) -> None:
    upstream.answers(*(streamed(*answer("Yes.")) for _ in range(3)))
    cluster = cluster_on(own_kafka, tmp_path, upstream, database_settings)
    async with cluster.server() as stage:
        inbound = await speaker(stage)
        session = await inbound.session()
        cluster.put(inbound, session, ["one"])
        await answered(inbound, session, 1)

        own_kafka.kill()
        other = await inbound.session()
        own_kafka.start()
        cluster.put(inbound, session, ["two"])
        cluster.put(inbound, other, ["three"])

        assert await answered(inbound, session, 2) == ["one", "two"]
        assert await answered(inbound, other, 1) == ["three"]
