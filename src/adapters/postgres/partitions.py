"""Partitions of tables: made before their time comes, dropped when nothing in them is needed."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, final

from psycopg.rows import class_row

from adapters.postgres.database import Database

KEPT: Final = timedelta(days=7)
"""How long published events are kept."""


@final
@dataclass(frozen=True, slots=True)
class PostgresPartitions:
    """To be tended daily, by any number of servers; a missed day costs nothing but order."""

    database: Database

    async def tend(self) -> int:
        """Make the partitions of the coming months and days; drop days of published events."""
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Tended))
            await cursor.execute(_TEND, (KEPT,))
            (tended,) = await cursor.fetchall()
        return tended.made + tended.dropped


@dataclass(frozen=True, slots=True)
class _Tended:
    made: int
    dropped: int


_TEND: Final = b"select open_partitions() as made, drop_published(%s) as dropped"
