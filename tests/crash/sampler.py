"""What must hold at every moment of a run, looked at with the owner's eyes while it goes on."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Final
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow

from entrypoints.background import stopped
from tests.crash.checker.violation import Kind, Violation

PAUSE_SECONDS: Final = 0.15

GAP_SECONDS: Final = 2.0
"""After so long without a look nothing is known of what passed."""

SLACK_SECONDS: Final = 8.0
"""So long one and the same server lives beside a turn that is overdue, and has not ended it.

Longer than any server stands still, hangs or is cut off here, and longer than a sweep."""

_LEVELS: Final = """
    select a.tenant_id, a.account_id, a.metric, a.period, l.version, a.limit_amount,
        a.spent + a.held - a.overrun
    from accounts a join limits l using (tenant_id, account_id, metric)
    where a.tenant_id = any (%(tenants)s) and a.limit_amount is not null
"""

_OVERDUE: Final = """
    select turn_id, deadline_at from turns
    where tenant_id = any (%(tenants)s) and state = 2
      and deadline_at + make_interval(secs => %(lease)s) < clock_timestamp()
"""

_FOUND: Final = """
    select tenant_id, kind || ' of ' || reference || ': ' || detail from findings
    where tenant_id = any (%(tenants)s) and kind <> 'turn_overdue'
      and not (tenant_id = %(idle)s and kind = 'held_unequal')
"""
"""All findings but the planted ones are faults, repaired or not. Turns are overdue by right while
no server lives: those are judged here, by who lived beside them."""

Account = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Level:
    """What counts against an account's limit, and the limit with the number of its changes."""

    version: int
    limit: int
    used: int


@dataclass(frozen=True, slots=True)
class Overdue:
    """A turn that was overdue at a moment, and the servers that lived since."""

    since: float
    servers: frozenset[Path]


@dataclass(slots=True, kw_only=True)
class Sampler:
    """Looks again and again. `servers` names those that live; what is found is told once."""

    owner_url: str
    tenants: Sequence[UUID]
    idle: UUID
    servers: Callable[[], Collection[Path]]
    lease_seconds: float
    found: list[Violation]
    _told: set[str] = field(default_factory=set[str])
    _levels: dict[Account, Level] = field(default_factory=dict[Account, Level])
    _overdue: dict[UUID, Overdue] = field(default_factory=dict[UUID, Overdue])
    _looked: float = 0.0

    @asynccontextmanager
    async def looking(self) -> AsyncGenerator[None]:
        """Look for as long as the block goes on."""
        task = asyncio.create_task(self._look_on())
        try:
            yield
        finally:
            await stopped(task)
        if not task.cancelled():
            task.result()

    async def _look_on(self) -> None:
        """A database that is away is waited for; of what passes meanwhile nothing is known."""
        while True:
            with suppress(psycopg.OperationalError):
                connection = await psycopg.AsyncConnection.connect(self.owner_url, autocommit=True)
                async with connection:
                    while True:
                        await self.look(connection, monotonic())
                        await asyncio.sleep(PAUSE_SECONDS)
            await asyncio.sleep(PAUSE_SECONDS)

    async def look(self, connection: psycopg.AsyncConnection[TupleRow], now: float) -> None:
        """Look once, at a monotonic time."""
        named = {"tenants": list(self.tenants), "idle": self.idle, "lease": self.lease_seconds}
        answers = [
            await (await connection.execute(one.encode(), named, binary=True)).fetchall()
            for one in (_LEVELS, _OVERDUE, _FOUND)
        ]
        levels, overdue, findings = answers
        for one in (*self._passed(levels), *self._late(overdue, now), *self._faults(findings)):
            if one.what not in self._told:
                self._told.add(one.what)
                self.found.append(one)

    def _passed(self, rows: Sequence[TupleRow]) -> Iterator[Violation]:
        """Nothing is added beyond a limit; one may be set lower than what is used already."""
        for *account, version, limit, used in rows:
            key, now = tuple(account), Level(version, limit, used)
            before = self._levels.get(key)
            self._levels[key] = now
            if before is None or before.version != version or before.limit != limit:
                continue
            if used > max(limit, before.used):
                what = f"account {account} came from {before.used} to {used}, limit {limit}"
                yield Violation(Kind.OVERSPENT, what)

    def _late(self, rows: Sequence[TupleRow], now: float) -> Iterator[Violation]:
        """No turn runs on beyond its deadline and one lease beside a server that lives."""
        living = frozenset(self.servers())
        known = {} if now - self._looked > GAP_SECONDS else self._overdue
        self._looked, self._overdue = now, {}
        for turn, deadline in rows:
            before = known.get(turn, Overdue(now, living))
            servers = before.servers & living
            since = before.since if servers else now
            self._overdue[turn] = Overdue(since, servers or living)
            if servers and now - before.since > SLACK_SECONDS:
                yield Violation(Kind.STUCK, f"turn {turn} runs on though it was due at {deadline}")

    def _faults(self, rows: Sequence[TupleRow]) -> Iterator[Violation]:
        for tenant, what in rows:
            yield Violation(Kind.STUCK, f"a reconciliation found in {tenant}: {what}")
