"""Partitions are made ahead of time; days of published events are dropped."""

from collections.abc import Generator
from typing import Final

import psycopg
import pytest

from adapters.postgres.database import Database
from adapters.postgres.partitions import PostgresPartitions
from domain.kernel.errors import StorageUnavailableError
from tests.contract.postgres_server import owner_url

pytestmark = pytest.mark.postgres

Superuser = psycopg.Connection[tuple[object, ...]]

OLD: Final = {"outbox_2020_01_01": "016f5e66e800", "outbox_2020_01_02": "016f638d4400"}
"""Days of events, and the first milliseconds of each in hexadecimal."""


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
        superuser.execute(
            "insert into outbox (tenant_id, event_id, key_id, sequence, type, payload, occurred_at,"
            " created_at, published_at) values (gen_random_uuid(), %s, gen_random_uuid(), 1, 'x',"
            " '', now(), now(), case when %s then now() end)",
            (bounds[0], done),
        )


async def test_old_days_are_dropped_once_their_events_are_published(
    fresh_database: Database, superuser: Superuser
) -> None:
    plant_old_days(superuser, (True, False))

    await PostgresPartitions(fresh_database).tend()

    assert tables(superuser, "outbox_2020%") == {"outbox_2020_01_02"}


async def test_a_day_that_somebody_reads_costs_no_partition_that_is_missing(
    fresh_database: Database, superuser: Superuser
) -> None:
    plant_old_days(superuser, (True, True))
    before = tables(superuser, "turns%")
    last = max(str(name) for name in before if name != "turns_default")
    superuser.execute(f"drop table {last}".encode())

    with superuser.transaction():
        superuser.execute(f"select from {min(OLD)}".encode())
        with pytest.raises(StorageUnavailableError):
            await PostgresPartitions(fresh_database).tend()

    assert tables(superuser, "turns%") == before
    assert tables(superuser, "outbox_2020%") == {*OLD}
