"""Events from commit to effect: `python -m bench.events` prints how many a second, and how late.

An outbox in PostgreSQL, `somagent relay`, Apache Kafka with one broker and with three, and two
readers in processes of their own. First some events at leisure, for the delay of each; then all of
them as fast as they can be committed, while a broker is killed and started again, and two readers
are killed. It ends with 1 when an event had no effect, came under two ids, was changed on the way,
or came before an earlier one.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import psycopg

from adapters.kafka.connection import KafkaConnection
from adapters.kafka.topics import TopicTerms, create_topics
from adapters.postgres.embedded import embedded_server
from adapters.postgres.embedded_lifetime import EmbeddedServer
from adapters.postgres.migration import migrate
from adapters.system.identifiers import SystemIdentifiers
from bench.brokers import Brokers, open_brokers
from bench.events_consumer import TABLES
from bench.events_verdict import Verdict, verdict
from bench.processes import BenchFailedError
from domain.delivery.topic import TOPIC_NAMES

KEYS: Final = 1000
TOGETHER: Final = 200
"""Events of one commit."""

CALM_EVENTS: Final = 4000
CALM_A_SECOND: Final = 400
READERS: Final = 2
PARTITIONS: Final = 12
PATIENCE_SECONDS: Final = 900.0
POLL_SECONDS: Final = "0.1"
"""How often the relay looks: it runs apart from who commits, so that no bell reaches it."""

TYPES: Final = ("turn.resumed", "usage.recorded")
"""Those of the keys in turn: each key's events are of one type, and so of one topic."""

Connection = psycopg.AsyncConnection[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of one cluster; delays are from an event's commit to its effect, in seconds."""

    brokers: int
    events_a_second: float
    calm_p50: float
    calm_p99: float
    disturbed_p99: float
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything between a commit and its effect, with those who can be killed."""

    brokers: Brokers
    database: Connection
    reader_command: tuple[str, ...]
    readers: list[Process]
    tenant: UUID
    keys: tuple[UUID, ...]

    async def commit(self, events: int, number: int) -> None:
        """Leave so many events in the outbox in one transaction, as a server's commits do."""
        ids = SystemIdentifiers()
        places = [(number + place) % KEYS for place in range(events)]
        now = time.time_ns() // 1000
        await self.database.execute(
            b"select announce(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[],"
            b" %s::bigint[], %s::bytea[])",
            (
                [self.tenant] * events,
                [ids.next() for _ in places],
                [self.keys[place] for place in places],
                [TYPES[place % len(TYPES)] for place in places],
                [""] * events,
                [now] * events,
                [payload(number + place) for place in range(events)],
            ),
        )

    async def effects(self, at_least: int) -> int:
        """Wait until so many effects were had."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = await self.number(b"select count(*) from bench_effects")
            if found >= at_least:
                return round(found)
            if time.monotonic() > until:
                raise BenchFailedError(f"{found:.0f} of {at_least} events arrived in time")
            await asyncio.sleep(0.1)

    async def number(self, query: bytes) -> float:
        row = await (await self.database.execute(query)).fetchone()
        return float(str(row[0])) if row is not None and row[0] is not None else 0.0

    async def kill_reader(self) -> None:
        """Kill the reader that has run longest, and start another."""
        self.readers[0].kill()
        await self.readers.pop(0).wait()
        self.readers.append(await asyncio.create_subprocess_exec(*self.reader_command))


def payload(number: int) -> bytes:
    """A `TurnResumed`, or `UsageRecorded`, with a name of 128 characters, each another."""
    return b"\n\x80\x01" + f"{number:0128}".encode()


async def measure(brokers: int, events: int, folder: Path) -> Figures:
    async with _stage(brokers, folder) as stage:
        await stage.commit(KEYS, 0)
        await stage.effects(KEYS)
        for number in range(CALM_EVENTS // 20):
            await stage.commit(20, number * 20)
            await asyncio.sleep(20 / CALM_A_SECOND)
        await stage.effects(KEYS + CALM_EVENTS)
        await stage.database.execute(b"create table bench_calm as select * from bench_effects")
        calm = KEYS + CALM_EVENTS

        began = time.monotonic()
        disturbing = asyncio.create_task(_disturb(stage, calm, events))
        for number in range(events // TOGETHER):
            await stage.commit(TOGETHER, number * TOGETHER)
        await stage.effects(calm + events)
        seconds = time.monotonic() - began
        await disturbing
        return await _figures(stage, events / seconds)


async def _disturb(stage: Stage, calm: int, events: int) -> None:
    """Kill a reader, a broker, and another reader, each after a quarter more has arrived."""
    await stage.effects(calm + events // 4)
    await stage.kill_reader()
    await stage.effects(calm + events // 2)
    await stage.brokers.restart_one()
    await stage.effects(calm + events * 3 // 4)
    await stage.kill_reader()


async def _figures(stage: Stage, events_a_second: float) -> Figures:
    delays = (
        b"select percentile_cont(%b)"
        b" within group (order by extract(epoch from e.at - o.created_at))"
        b" from bench_effects e join outbox o on o.sequence = e.sequence"
        # A tenant that is not registered is named by its identifier.
        b" and e.key = 'tenants/' || o.tenant_id || '/sessions/' || o.key_id where %b"
    )
    calm = b"(e.place in (select place from bench_calm)) and o.sequence > 1"
    rest = b"e.place not in (select place from bench_calm)"
    return Figures(
        brokers=stage.brokers.count,
        events_a_second=events_a_second,
        calm_p50=await stage.number(delays % (b"0.5", calm)),
        calm_p99=await stage.number(delays % (b"0.99", calm)),
        disturbed_p99=await stage.number(delays % (b"0.99", rest)),
        verdict=await verdict(stage.database),
    )


@asynccontextmanager
async def _stage(count: int, folder: Path) -> AsyncGenerator[Stage]:
    async with (
        embedded_server(folder / "postgres") as server,
        open_brokers(folder / "kafka", count) as brokers,
    ):
        await asyncio.to_thread(migrate, server.owner_url)
        connection = KafkaConnection(bootstrap_servers=await brokers.bootstrap_servers())
        terms = TopicTerms(partitions=PARTITIONS, replication=min(count, 3))
        await asyncio.to_thread(create_topics, connection, terms, TOPIC_NAMES)
        ids = SystemIdentifiers()
        reader = (
            *(sys.executable, "-m", "bench.events_consumer"),
            *(connection.bootstrap_servers, "", server.owner_url),
        )
        async with await Connection.connect(server.owner_url, autocommit=True) as database:
            for table in TABLES:
                await database.execute(table)
            relay = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "entrypoints.cli.main", "relay"),
                env={**os.environ, **_settings(server, connection, folder)},
            )
            readers = [await asyncio.create_subprocess_exec(*reader) for _ in range(READERS)]
            try:
                yield Stage(
                    brokers=brokers,
                    database=database,
                    reader_command=reader,
                    readers=readers,
                    tenant=ids.next(),
                    keys=tuple(ids.next() for _ in range(KEYS)),
                )
            finally:
                for one, number in ((relay, signal.SIGTERM), *((one, 9) for one in readers)):
                    with suppress(ProcessLookupError):  # it has ended by itself
                        one.send_signal(number)
                await asyncio.gather(relay.wait(), *(one.wait() for one in readers))


def _settings(
    server: EmbeddedServer, connection: KafkaConnection, folder: Path
) -> Mapping[str, str]:
    return {
        "SOMAGENT_PROFILE": "standard",
        "SOMAGENT_DATABASE__REQUEST__URL": server.request_url,
        "SOMAGENT_DATABASE__WRITER__URL": server.writer_url,
        "SOMAGENT_SECRETS__STORE_FOLDER": str(folder / "secrets"),
        "SOMAGENT_KAFKA__BOOTSTRAP_SERVERS": connection.bootstrap_servers,
        "SOMAGENT_RELAY__HTTP_ADDRESS": "127.0.0.1:0",
        "SOMAGENT_RELAY__POLL_SECONDS": POLL_SECONDS,
        "SOMAGENT_TELEMETRY__LOG_FORMAT": "json",
    }


def main() -> int:
    """Run with one broker and with three; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.events", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--brokers", type=int, nargs="+", default=[1, 3])
    options = parser.parse_args()
    wrong = False
    for count in options.brokers:
        with tempfile.TemporaryDirectory(prefix="somagent-events-") as name:
            Path(name).chmod(0o755)  # the embedded PostgreSQL may run as another user
            found = asyncio.run(measure(count, options.events, Path(name)))
        judged = found.verdict
        sys.stdout.write(
            f"{found.brokers} broker(s), {options.events} events, one broker restart, two reader "
            f"kills: {found.events_a_second:.0f} events/s, end-to-end p99 "
            f"{found.disturbed_p99:.2f} s; calm ({CALM_A_SECOND}/s): p50 {found.calm_p50:.3f} s, "
            f"p99 {found.calm_p99:.3f} s; {judged.lost} lost, {judged.doubled} doubled, "
            f"{judged.changed} changed, {judged.reordered} out of order "
            f"({judged.again} came again, as the same)\n"
        )
        sys.stdout.flush()
        wrong = wrong or judged.faults > 0
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
