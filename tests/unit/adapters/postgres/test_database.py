"""Connections see one tenant, and a database that does not answer is unavailable."""

import asyncio
from dataclasses import replace
from typing import LiteralString
from uuid import UUID, uuid1

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from adapters.postgres.database import TOO_MUCH, Database, DatabaseSettings, open_database
from adapters.postgres.tables.kernel import tenants
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.identifiers import TenantId
from tests.doubles import PATIENCE

HERE, THERE = TenantId(UUID(int=uuid1().int)), TenantId(UUID(int=uuid1().int))
KNOWN = sa.select(tenants.c.tenant_id)


async def test_a_tenant_sees_its_own_rows_only(database: Database) -> None:
    for tenant in (HERE, THERE):
        async with database.tenant(tenant) as connection:
            await connection.execute(sa.insert(tenants).values(tenant_id=tenant))

    async with database.tenant(HERE) as connection:
        seen = (await connection.execute(KNOWN)).scalars().all()

    assert seen == [HERE]


async def test_without_a_tenant_no_row_is_seen(database: Database) -> None:
    tenant = TenantId(uuid1())
    async with database.tenant(tenant) as connection:
        await connection.execute(sa.insert(tenants).values(tenant_id=tenant))

    async with database.pool.begin() as connection:
        assert (await connection.execute(KNOWN)).scalars().all() == []
    async with database.reading() as reader:
        assert await (await reader.execute("select from tenants")).fetchall() == []
    async with database.writing() as writer:
        assert await (await writer.execute("select from tenants")).fetchall() == []


async def test_an_exception_undoes_what_was_written(database: Database) -> None:
    tenant = TenantId(uuid1())

    async def write_and_fail() -> None:
        async with database.tenant(tenant) as connection:
            await connection.execute(sa.insert(tenants).values(tenant_id=tenant))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write_and_fail()

    async with database.tenant(tenant) as connection:
        assert (await connection.execute(KNOWN)).scalars().all() == []


async def test_a_database_that_is_not_there_is_unavailable(
    database_settings: DatabaseSettings,
) -> None:
    nowhere = "host=/nowhere user=nobody dbname=nothing"
    settings = replace(database_settings, request_url=nowhere, writer_url=nowhere, wait_seconds=0.2)
    async with open_database(settings) as database:
        with pytest.raises(StorageUnavailableError):
            async with database.tenant(HERE):
                pass
        with pytest.raises(StorageUnavailableError):
            async with database.writing():
                pass
        with pytest.raises(StorageUnavailableError):
            await database.connect_writer()


async def test_a_connection_that_the_server_ended_is_made_anew(database: Database) -> None:
    async with database.tenant(HERE) as connection:
        pid = (await connection.execute(sa.text("select pg_backend_pid()"))).scalar_one()
    async with database.reading() as reader:
        await reader.execute("select pg_terminate_backend(%s, 25000)", (pid,))

    async with database.tenant(HERE) as connection:
        await connection.execute(KNOWN)


BEYOND_A_LIMIT = (
    "select array_fill(0, array[1000000000])",
    "do $$ begin raise exception using errcode = '54001'; end $$",
)


@pytest.mark.parametrize("statement", BEYOND_A_LIMIT)
async def test_what_no_database_takes_says_nothing_about_this_one(
    database: Database, statement: LiteralString
) -> None:
    with pytest.raises(OperationalError):
        async with database.tenant(HERE) as connection:
            await connection.execute(sa.text(statement))
    with pytest.raises(psycopg.OperationalError):
        async with database.reading() as reader:
            await reader.execute(statement)
    with pytest.raises(psycopg.OperationalError):
        async with database.writing() as writer:
            await writer.execute(statement)


def test_all_errors_of_class_54_are_beyond_a_limit() -> None:
    for code in ("54000", "54001", "54011", "54023"):
        assert psycopg.errors.lookup(code) in TOO_MUCH


@pytest.mark.parametrize("moment", range(24))
async def test_whoever_waits_for_a_connection_can_be_cancelled_at_any_moment(
    database_settings: DatabaseSettings, moment: int
) -> None:
    begun = asyncio.Event()

    async def take(database: Database) -> None:
        begun.set()
        async with database.writing():
            await asyncio.Event().wait()

    async with open_database(replace(database_settings, writer_connections=1)) as database:
        async with database.writing():
            waiting = asyncio.create_task(take(database))
            await begun.wait()
        for _ in range(moment):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting}, timeout=PATIENCE)

        assert waiting.cancelled()
        async with database.writing() as connection:
            await connection.execute("select 1")
