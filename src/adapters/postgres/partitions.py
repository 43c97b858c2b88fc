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
        """Make the partitions of the coming months and days; drop days of published events.

        A day that somebody reads is left for another time.
        """
        changed = await self._changed(_OPEN)
        while dropped := await self._changed(_DROP, KEPT):
            changed += dropped
        return changed

    async def _changed(self, sql: bytes, *asked: object) -> int:
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Changed))
            await cursor.execute(sql, asked)
            (changed,) = await cursor.fetchall()
        return changed.partitions


@dataclass(frozen=True, slots=True)
class _Changed:
    partitions: int


_OPEN: Final = b"select open_partitions() as partitions"
_DROP: Final = b"select drop_published(%s) as partitions"
