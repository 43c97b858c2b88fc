"""A link: transactions that travel together over one connection."""

import asyncio

import pytest

from adapters.postgres.database import Connection, Database
from adapters.postgres.link import Link
from adapters.postgres.packing import integer
from tests.doubles import PATIENCE

pytestmark = pytest.mark.postgres

STATEMENTS = {f"number_{number}": f"select {number}" for number in range(4)}


async def test_whoever_comes_while_a_connection_opens_finds_every_statement(
    database: Database,
) -> None:
    connected = asyncio.Event()

    async def connect() -> Connection:
        connection = await database.connect_reader()
        connected.set()
        return connection

    async def ask_at_once() -> int:
        await connected.wait()
        (result,) = await link.transact(("number_3", ()))
        return integer(result.get_value(0, 0) or b"")

    link = Link(connect, STATEMENTS, patience_seconds=PATIENCE)
    early = asyncio.create_task(ask_at_once())
    await asyncio.sleep(0)
    try:
        await link.transact(("number_0", ()))

        assert await early == 3
    finally:
        await link.close()
