"""A connection over which nothing comes any more costs no server its turns."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from adapters.postgres.database import DatabaseSettings, open_database
from adapters.postgres.journal import open_turn_journal
from adapters.postgres.leases import PostgresTurnLeases
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.signals import PostgresTurnSignals
from application.conversation.ports.leases import EventBatch, Renewal
from domain.kernel.errors import StorageUnavailableError
from tests.builders import TENANT, TURN
from tests.contract.commands import Commands, shown
from tests.contract.inmemory_kernel import ONE
from tests.contract.postgres_kernel import encode, postgres_kernel
from tests.contract.scene import Scene
from tests.doubles import PATIENCE
from tests.fakes import CountingIdentifiers

T = TypeVar("T")

pytestmark = pytest.mark.postgres


@dataclass(slots=True)
class Wire:
    """A way to the database; `cut` swallows what comes over the connections that there are.

    So it does with one connection from the first time that `fatal` is asked for.
    """

    server: DatabaseSettings
    fatal: bytes = b""
    carriers: set[int] = field(default_factory=set[int])
    silent: set[int] = field(default_factory=set[int])

    def cut(self) -> None:
        self.silent |= self.carriers

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        place = conninfo_to_dict(self.server.writer_url)
        upstream, downstream = await asyncio.open_unix_connection(
            f"{place['host']}/.s.PGSQL.{place.get('port', 5432)}"
        )
        self.carriers.add(number := len(self.carriers))
        await asyncio.gather(
            self._pass(number, reader, downstream), self._pass(number, upstream, writer)
        )

    async def _pass(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                if self.fatal and self.fatal in data:
                    self.silent.add(number)
                    self.fatal = b""
                if number not in self.silent:
                    writer.write(data)
        writer.close()


@asynccontextmanager
async def through(wire: Wire) -> AsyncGenerator[DatabaseSettings]:
    """Settings that lead over the wire, by which a silent connection is soon given up."""
    server = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]

        def over(url: str) -> str:
            return make_conninfo(url, host="127.0.0.1", port=port)

        yield replace(
            wire.server,
            writer_url=over(wire.server.writer_url),
            request_url=over(wire.server.request_url),
            connect_seconds=1.0,
            silence_seconds=1.0,
            wait_seconds=PATIENCE * 10,
            statement_seconds=PATIENCE * 10,
        )


async def persisting(step: Callable[[], Awaitable[T]]) -> T:
    """The answer of an idempotent step, asked for until a slow machine gives it in time."""
    while True:
        with suppress(StorageUnavailableError):
            return await step()


async def test_renewals_events_and_rounds_go_over_another_one(
    fresh_settings: DatabaseSettings,
) -> None:
    ask, wire = Commands.fresh(CountingIdentifiers("silent")), Wire(fresh_settings)
    async with open_database(fresh_settings) as near, postgres_kernel(near) as kernel:
        await kernel.administrator.open_tenant(ask.tenant_id)
        await kernel.administrator.open_session(ask.session())
        await Scene(kernel, ask).limit(ask.account, 1000)
        async with (
            through(wire) as settings,
            open_database(settings) as far,
            open_turn_journal(far, ONE, Outgoing(encode)) as journal,
        ):
            leases = PostgresTurnLeases(database=far, server_id=ONE)
            acceptance = ask.accept(ask.hold(1))
            turn_id = (await persisting(lambda: journal.accept(acceptance))).turn_id
            renewal = Renewal(ask.tenant_id, turn_id, 1, 2000)
            batch = EventBatch(ask.tenant_id, turn_id, 1, shown(1))
            extension = ask.extend(turn_id, ask.hold(1))

            async def renewed() -> float | None:
                return (await leases.renew([renewal]))[0]

            async def written() -> bool | None:
                return (await leases.append([batch]))[0]

            await asyncio.gather(persisting(renewed), persisting(renewed))
            wire.cut()

            async with asyncio.timeout(PATIENCE):
                left = await persisting(renewed)
                done = await persisting(written)
                await persisting(lambda: journal.extend(extension))

    assert left is not None
    assert 0 < left <= 30
    assert done is True


@pytest.mark.parametrize("asked", ["cancelled_turns", "watched_turns", "notify_watchers"])
async def test_what_is_told_and_asked_of_turns_goes_over_another_one(
    fresh_settings: DatabaseSettings, asked: str
) -> None:
    wire, names = Wire(fresh_settings, fatal=asked.encode()), [(TENANT, TURN)]
    async with through(wire) as settings, open_database(settings) as far:
        signals = PostgresTurnSignals(database=far, server_id=ONE)
        async with asyncio.timeout(PATIENCE):
            cancelled = await persisting(lambda: signals.cancellations(names))
            watched = await persisting(lambda: signals.watched(names))
            await persisting(lambda: signals.written(names))

    assert (list(cancelled), list(watched)) == ([], [])
    assert len(wire.silent) == 1
