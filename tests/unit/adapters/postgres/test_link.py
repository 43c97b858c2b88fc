"""A link: transactions that travel together over one connection."""

import asyncio
from typing import Final

import psycopg
import pytest

from adapters.postgres.database import Connection, Database
from adapters.postgres.link import Link
from adapters.postgres.packing import integer
from tests.doubles import PATIENCE

pytestmark = pytest.mark.postgres

TRANSACTIONS: Final = 64
"""At so many of them the plans were forgotten more than once."""

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


async def test_of_a_lost_connection_those_are_told_who_asked_over_it_and_nobody_else(
    database: Database,
) -> None:
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told_of: told.append(str(told_of)))
    link = Link(database.connect_reader, STATEMENTS, patience_seconds=PATIENCE)
    await link.transact(("number_0", ()))

    asking = [asyncio.create_task(link.transact(("number_1", ()))) for _ in range(TRANSACTIONS)]
    await asyncio.sleep(0)  # all are sent, and none is answered
    await link.close()
    answers = await asyncio.gather(*asking, return_exceptions=True)

    assert {type(answer) for answer in answers} == {psycopg.OperationalError}
    assert told == []
