"""What sweeps and operators read grows with what they are told, not with what was ever kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa

from adapters.postgres.database import DatabaseSettings
from adapters.postgres.embedded_lifetime import EmbeddedServer
from adapters.postgres.published import page_of
from adapters.system.identifiers import SystemIdentifiers
from application.delivery.ports.published import PublishedFilter
from domain.kernel.identifiers import TenantId
from tests.contract.postgres_server import copy_of, owner_url

pytestmark = pytest.mark.postgres

HISTORY: Final = Path(__file__).with_name("history.sql")

SWEPT: Final = 1001
"""So many a sweep looks at before it turns to the tenants one by one."""

_READ: Final = (
    b"select coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint from pg_stat_xact_user_tables"
)


@dataclass(frozen=True, slots=True)
class Past:
    """A database of 4,000 rows a table: of one tenant nearly all, of another one to be swept."""

    settings: DatabaseSettings
    tenant: UUID
    other: UUID

    def asked(self, url: str, query: bytes) -> tuple[int, list[tuple[object, ...]]]:
        """How many rows were read for an answer, and the answer, as one who asks often has it."""
        read, rows = 0, list[tuple[object, ...]]()
        with psycopg.connect(url) as connection:
            for _ in range(6):
                for name in ("app.tenant", "app.tenants"):
                    value = str(self.tenant) if name == "app.tenant" else f"{{{self.tenant}}}"
                    connection.execute("select set_config(%s, %s, true)", (name, value))
                before = self._read(connection)
                rows = connection.execute(query, {"tenant": self.tenant}).fetchall()
                read = self._read(connection) - before
                connection.rollback()
        return read, rows

    def _read(self, connection: psycopg.Connection[tuple[object, ...]]) -> int:
        (row,) = connection.execute(_READ).fetchall()
        return int(str(row[0]))


@pytest.fixture(scope="module")
def past(postgres_server: EmbeddedServer, template: str) -> Past:
    ids = SystemIdentifiers()
    made = Past(copy_of(postgres_server, template), ids.next(), ids.next())
    with psycopg.connect(owner_url(made.settings), autocommit=True) as connection:
        for name, value in (("app.tenant", made.tenant), ("app.other", made.other)):
            connection.execute("select set_config(%s, %s, false)", (name, str(value)))
        connection.execute(HISTORY.read_bytes())
    return made


@pytest.mark.parametrize(
    ("query", "most"),
    [
        ("select * from faulty_turns(%(tenant)s, interval '1 hour')", 10),
        ("select * from broken_sequences(%(tenant)s, interval '1 hour')", 10),
        ("select * from expired_invocations(32)", 10),
        ("select * from stalled_invocations(32, interval '30 s')", SWEPT + 4 * 32),
        ("select * from decided_turns(32)", SWEPT + 4 * 32),
    ],
)
def test_a_sweep_does_not_read_the_past(past: Past, query: str, most: int) -> None:
    read, _ = past.asked(past.settings.writer_url, query.encode())

    assert read <= most


@pytest.mark.parametrize(
    "query",
    [
        "select (invocation).state from invocation_page(%(tenant)s, null, null, null, 20)",
        "select (invocation).state from invocation_page(%(tenant)s, null, 1::int2, null, 20)",
        "select (invocation).state from invocation_page(%(tenant)s, null, 5::int2, null, 20)",
        "select * from dead_letter_page(null, null, '', '', '', null, null, null, 20)",
        "select * from dead_letter_page(null, 1::smallint, '', '', '', null, null, null, 20)",
        "select * from dead_letter_page(%(tenant)s, 1::smallint, '', '', '', null, null, null, 20)",
        "select * from dead_letter_page(%(tenant)s, null, '', 'x', '', null, null, null, 20)",
        "select * from dead_letter_page(%(tenant)s, null, '', '', '', now(), null, null, 20)",
        "select * from finding_page(null, '', 20)",
        "select * from finding_page(%(tenant)s, '', 20)",
        "select * from finding_page(gen_random_uuid(), '', 20)",
        "select * from stuck_turns(null, 20)",
    ],
)
def test_a_page_reads_little_more_than_it_shows(past: Past, query: str) -> None:
    read, rows = past.asked(past.settings.request_url, query.encode())

    assert read <= 3 * len(rows) + 10


def test_a_replay_of_a_time_does_not_read_another(past: Past) -> None:
    with psycopg.connect(owner_url(past.settings)) as connection:
        ((now,),) = connection.execute("select now()").fetchall()
    asked = PublishedFilter(tenant_id=TenantId(past.tenant), since=now)
    page = page_of(asked, None, 20).compile(
        sa.create_engine("postgresql+psycopg://"), compile_kwargs={"literal_binds": True}
    )

    read, rows = past.asked(past.settings.request_url, str(page).encode())

    assert (rows, read <= 10) == ([], True)


@pytest.mark.parametrize(
    "sweep",
    [
        "select tenant_id from decided_turns(32)",
        "select tenant_id from stalled_invocations(32, interval '30 s')",
    ],
)
def test_a_tenant_that_floods_a_sweep_leaves_room_for_another(past: Past, sweep: str) -> None:
    _, rows = past.asked(past.settings.writer_url, sweep.encode())

    assert len(rows) == 32
    assert rows.count((past.other,)) == 1
