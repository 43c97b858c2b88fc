"""What the database holds after a survival run, when every turn has had its time to end."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import psycopg

from adapters.postgres.database import DatabaseSettings
from domain.conversation.message import Role
from domain.conversation.turn import TurnState
from tests.contract.postgres_server import owner_url
from tests.crash.checker.ground import Ground
from tests.crash.checker.money import check_money
from tests.crash.checker.proofs import check_proofs
from tests.crash.checker.streams import check_stored_streams
from tests.crash.checker.violation import Violation
from tests.crash.evidence import Evidence, Witness
from tests.survival.talking import Tally
from tests.system.service import until

OPEN: Final = "select count(*) from turns where state in (%s, %s, %s)"
COMPLETED: Final = "select count(*) from turns where state = %s"
TURNS: Final = "select count(*) from turns"
HELD: Final = "select count(*) from accounts where held > 0"
NOTES: Final = "select text from notes"
SAID: Final = "select content from messages where role = %s"
RECORDS: Final = "select count(*) from records"
TENANTS: Final = "select tenant_id, slug from tenant_profiles"
UNSEALED: Final = "select count(*) from records where seal is null"
UNPUBLISHED: Final = "select count(*) from outbox where published_at is null"


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
    violations: tuple[Violation, ...]
    """What the laboratory's checker finds in money, streams, receipts and outgoing events."""

    @property
    def faults(self) -> int:
        return (
            self.open + self.doubled + self.lost + self.held + len(self.violations)
            + abs(self.turns - self.completed) + abs(self.turns - self.records)
        )  # fmt: skip


async def aftermath_of(database: DatabaseSettings, tally: Tally, *, public_key: bytes) -> Aftermath:
    """What there is when everything is over, for which it waits some time.

    That is: every turn has ended, every hold is gone, records are sealed and events published.
    """
    url = owner_url(database)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:

        async def count(query: str, *states: TurnState) -> int:
            cursor = await connection.execute(query.encode(), [state.value for state in states])
            row = await cursor.fetchone()
            return 0 if row is None else int(row[0])

        idle = (TurnState.QUEUED, TurnState.RUNNING, TurnState.PAUSED)

        async def all_over() -> bool:
            left = [await count(one) for one in (HELD, UNSEALED, UNPUBLISHED)]
            return not (await count(OPEN, *idle) or any(left))

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
            violations=tuple(await asyncio.to_thread(_violations, url, public_key)),
        )


def _violations(url: str, public_key: bytes) -> Sequence[Violation]:
    """Invariants that hold of whatever was done, and so of this run as well."""
    with psycopg.connect(url, autocommit=True) as connection:
        tenants = connection.execute(TENANTS.encode()).fetchall()
        evidence = Evidence(
            tenants=[Witness(slug=slug, tenant_id=one, clients=()) for one, slug in tenants]
        )
        ground = Ground(connection, evidence)
        return [
            *check_money(ground),
            *check_stored_streams(ground),
            *check_proofs(ground, public_key),
        ]
