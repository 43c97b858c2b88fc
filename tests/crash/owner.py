"""What the database answers its owner, who waits until it answers."""

import asyncio
from contextlib import suppress
from typing import Final, LiteralString

import psycopg
from psycopg.rows import TupleRow

from tests.crash.laboratory import Laboratory

PATIENCE_SECONDS: Final = 240.0

_PAUSE_SECONDS: Final = 0.1


async def row_of(lab: Laboratory, query: LiteralString) -> TupleRow:
    """Its first row.

    Raises:
        TimeoutError: There is none in all this time.
    """
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with suppress(psycopg.OperationalError), psycopg.connect(lab.owner_url) as opened:
                if (row := opened.execute(query).fetchone()) is not None:
                    return row
            await asyncio.sleep(_PAUSE_SECONDS)


async def taken_over(lab: Laboratory) -> int:
    """Turns that another server took over from one that seemed to be lost."""
    (count,) = await row_of(lab, "select count(*) from turns where take_overs > 0")
    return int(count)
