"""Partitions of tables: made before their time comes, dropped when nothing in them is needed."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, final

from adapters.postgres.database import Database

KEPT: Final = timedelta(days=7)
"""How long published events are kept."""


@final
@dataclass(frozen=True, slots=True)
class PostgresPartitions:
    """To be tended daily, by any number of servers; a missed day costs nothing but order."""

    database: Database

    async def tend(self) -> None:
        """Make the partitions of the coming months and days; drop days of published events."""
        async with self.database.writing() as connection:
            await connection.execute(b"select open_partitions()")
            await connection.execute(b"select drop_published(%s)", (KEPT,))
