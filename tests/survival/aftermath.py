"""What the database holds after a survival run, when every turn has had its time to end."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import psycopg

from adapters.postgres.database import DatabaseSettings
from domain.conversation.turn import TurnState
from tests.contract.postgres_server import owner_url
from tests.survival.talking import Tally
from tests.system.service import until

OPEN: Final = "select count(*) from turns where state in (%s, %s, %s)"
COMPLETED: Final = "select count(*) from turns where state = %s"
TURNS: Final = "select count(*) from turns"
HELD: Final = "select count(*) from accounts where held > 0"
NOTES: Final = "select text from notes"
RECORDS: Final = "select count(*) from records"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """Counts. `turns` and `notes` are all there are; `records` those of provenance."""

    turns: int
    completed: int
    open: int
    notes: int
    records: int
    doubled: int
    """Turns and notes that nobody asked for: the second ones of a message or a call."""
    lost: int
    """Turns and notes that were told to a client and are not there."""
    held: int

    @property
    def faults(self) -> int:
        return (
            self.open + self.doubled + self.lost + self.held
            + abs(self.turns - self.completed) + abs(self.turns - self.records)
        )  # fmt: skip


async def aftermath_of(database: DatabaseSettings, tally: Tally) -> Aftermath:
    """Wait until every turn has ended and every hold is gone, for some time; then count."""
    url = owner_url(database)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:

        async def count(query: str, *states: TurnState) -> int:
            cursor = await connection.execute(query.encode(), [state.value for state in states])
            row = await cursor.fetchone()
            return 0 if row is None else int(row[0])

        idle = (TurnState.QUEUED, TurnState.RUNNING, TurnState.PAUSED)

        async def all_over() -> bool:
            return not (await count(OPEN, *idle) or await count(HELD))

        with suppress(TimeoutError):  # what is not over by then is counted
            await until(all_over)
        cursor = await connection.execute(NOTES)
        written = [str(text) for (text,) in await cursor.fetchall()]
        noted = {order.tag for order in tally.turns.values() if order.note}
        turns = await count(TURNS)
        return Aftermath(
            turns=turns,
            completed=await count(COMPLETED, TurnState.COMPLETED),
            open=await count(OPEN, *idle),
            notes=len(written),
            records=await count(RECORDS),
            doubled=max(0, turns - tally.sent) + len(written) - len(set(written)),
            lost=max(0, tally.sent - turns) + len(noted - set(written)),
            held=await count(HELD),
        )
