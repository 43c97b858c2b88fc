"""Partitions are made ahead of time; days of published events are dropped."""

import asyncio
from collections.abc import Generator
from typing import Final

import psycopg
import pytest

from adapters.postgres.database import Database
from adapters.postgres.partitions import PostgresPartitions
from adapters.system.identifiers import SystemIdentifiers
from tests.contract.postgres_server import owner_url
from tests.system.service import until

pytestmark = pytest.mark.postgres

Superuser = psycopg.Connection[tuple[object, ...]]

OLD: Final = {"outbox_2020_01_01": "016f5e66e800", "outbox_2020_01_02": "016f638d4400"}
"""Days of events, and the first milliseconds of each in hexadecimal."""

INSERT: Final = (
    "insert into outbox (tenant_id, event_id, key_id, sequence, type, payload, occurred_at,"
    " created_at, published_at) values (gen_random_uuid(), %s, gen_random_uuid(), 1, 'x',"
    " '', now(), now(), case when %s then now() end)"
)
"""An event by its identifier, published or not."""

IDENTIFIERS: Final = SystemIdentifiers()


@pytest.fixture
def superuser(fresh_database: Database) -> Generator[Superuser]:
    with psycopg.connect(owner_url(fresh_database.settings), autocommit=True) as connection:
        yield connection


def tables(superuser: Superuser, like: str) -> set[object]:
    found = superuser.execute(
        "select relname from pg_class where relispartition and relkind = 'r' and relname like %s",
        (like,),
    )
    return {name for (name,) in found.fetchall()}


async def test_a_missing_partition_is_made(fresh_database: Database, superuser: Superuser) -> None:
    before = tables(superuser, "turns%")
    last = max(str(name) for name in before if name != "turns_default")
    superuser.execute(f"drop table {last}".encode())

    await PostgresPartitions(fresh_database).tend()

    assert tables(superuser, "turns%") == before


def test_partitions_belong_to_the_owner_and_keep_their_fill(superuser: Superuser) -> None:
    found = superuser.execute(
        "select distinct pg_get_userbyid(relowner), reloptions from pg_class "
        "where relispartition and relkind = 'r' and relname like 'turns_%'"
    ).fetchall()

    assert found == [("somagent_owner", ["fillfactor=60"])]


def plant_old_days(superuser: Superuser, published: tuple[bool, bool]) -> None:
    for (name, start), done in zip(OLD.items(), published, strict=True):
        first, after = (f"{int(start, 16) + day * 86_400_000:012x}" for day in (0, 1))
        bounds = [f"{edge[:8]}-{edge[8:]}-0000-0000-000000000000" for edge in (first, after)]
        superuser.execute(
            f"create table {name} partition of outbox "
            f"for values from ('{bounds[0]}') to ('{bounds[1]}')".encode()
        )
        superuser.execute(f"alter table {name} owner to somagent_owner".encode())
        superuser.execute(INSERT, (bounds[0], done))


async def test_old_days_are_dropped_once_their_events_are_published(
    fresh_database: Database, superuser: Superuser
) -> None:
    plant_old_days(superuser, (True, False))

    await PostgresPartitions(fresh_database).tend()

    assert tables(superuser, "outbox_2020%") == {"outbox_2020_01_02"}


async def test_every_old_day_is_dropped(fresh_database: Database, superuser: Superuser) -> None:
    plant_old_days(superuser, (True, True))

    assert await PostgresPartitions(fresh_database).tend() == len(OLD)

    assert tables(superuser, "outbox_2020%") == set()


async def test_a_day_that_somebody_reads_is_left_and_costs_no_partition_that_is_missing(
    fresh_database: Database, superuser: Superuser
) -> None:
    plant_old_days(superuser, (True, True))
    before = tables(superuser, "turns%")
    last = max(str(name) for name in before if name != "turns_default")
    superuser.execute(f"drop table {last}".encode())

    with superuser.transaction():
        superuser.execute(f"select from {min(OLD)}".encode())
        await PostgresPartitions(fresh_database).tend()

    assert tables(superuser, "turns%") == before
    assert tables(superuser, "outbox_2020%") == {min(OLD)}


async def test_nothing_waits_while_a_dump_reads_what_is_to_be_dropped(
    fresh_database: Database, superuser: Superuser
) -> None:
    plant_old_days(superuser, (True, True))
    written = 0

    with psycopg.connect(owner_url(fresh_database.settings)) as dump:
        dump.execute("select from outbox")
        tended = asyncio.create_task(PostgresPartitions(fresh_database).tend())
        superuser.execute("set lock_timeout = '1s'")
        while not tended.done():
            superuser.execute(INSERT, (str(IDENTIFIERS.next()), False))
            written += 1
            await asyncio.sleep(0)
        assert await tended == 0

    assert written > 0
    assert tables(superuser, "outbox_2020%") == {*OLD}


async def test_what_is_being_written_into_an_old_day_is_not_dropped_with_it(
    fresh_database: Database, superuser: Superuser
) -> None:
    plant_old_days(superuser, (True, True))
    start = OLD[min(OLD)]
    late = f"{start[:8]}-{start[8:]}-7000-8000-000000000001"

    async def waits_or_ended() -> bool:
        waits = superuser.execute(
            "select from pg_locks l join pg_database d on d.oid = l.database"
            " where not l.granted and d.datname = current_database()"
        ).rowcount
        return waits > 0 or tended.done()

    partitions = PostgresPartitions(fresh_database)
    with psycopg.connect(owner_url(fresh_database.settings)) as writer:
        writer.execute(INSERT, (late, False))
        tended = asyncio.create_task(partitions.tend())
        await until(waits_or_ended)
        writer.commit()
    await tended
    # It may have left the days for another time, before the writer was seen to be in its way.
    await partitions.tend()

    found = superuser.execute("select from outbox where event_id = %s", (late,))
    assert found.rowcount == 1
    assert tables(superuser, "outbox_2020%") == {min(OLD)}
