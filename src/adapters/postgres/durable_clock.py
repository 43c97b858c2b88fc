"""The time by which whatever is kept begins and ends, as PostgreSQL has it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, final

from psycopg.rows import class_row

from adapters.postgres.database import Database


@dataclass(frozen=True, slots=True)
class _Read:
    now: datetime


@final
@dataclass(frozen=True, slots=True)
class PostgresClock:
    """A `DurableClock`: the time that the database's functions go by."""

    database: Database

    async def now(self) -> datetime:
        async with self.database.reading() as connection:
            cursor = connection.cursor(row_factory=class_row(_Read))
            (read,) = await (await cursor.execute(_NOW)).fetchall()
        return read.now.astimezone(UTC)


_NOW: Final = b"select clock_timestamp() as now"
