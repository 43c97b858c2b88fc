"""What the database holds after a survival run, when every turn has had its time to end."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import psycopg

from adapters.postgres.database import DatabaseSettings
from domain.conversation.message import Role
from domain.conversation.turn import TurnState
from tests.contract.postgres_server import owner_url
from tests.survival.talking import Tally
from tests.system.service import until

OPEN: Final = "select count(*) from turns where state in (%s, %s, %s)"
COMPLETED: Final = "select count(*) from turns where state = %s"
TURNS: Final = "select count(*) from turns"
HELD: Final = "select count(*) from accounts where held > 0"
NOTES: Final = "select text from notes"
SAID: Final = "select content from messages where role = %s"
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
    """Messages and notes that nobody asked for, by what they say; turns beyond messages."""
    lost: int
    """Messages that were sent and notes that were told to a client, and are not there."""
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
        written = Counter(str(text) for (text,) in await cursor.fetchall())
        noted = Counter(order.tag for order in tally.turns.values() if order.note)
        cursor = await connection.execute(SAID, [Role.USER.value])
        said = Counter(str(text) for (text,) in await cursor.fetchall())
        sent = Counter(order.message for order in tally.sent)
        asked = Counter(order.tag for order in tally.sent if order.note)
        turns = await count(TURNS)
        return Aftermath(
            turns=turns,
            completed=await count(COMPLETED, TurnState.COMPLETED),
            open=await count(OPEN, *idle),
            notes=written.total(),
            records=await count(RECORDS),
            doubled=(
                (said - sent).total() + (written - asked).total() + max(0, turns - said.total())
            ),
            lost=(sent - said).total() + (noted - written).total(),
            held=await count(HELD),
        )
