"""What PostgreSQL keeps of all tenants, held against itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeAlias, final
from uuid import UUID

from psycopg.rows import class_row

from adapters.postgres.budget import PATIENCE
from adapters.postgres.database import Connection, Database, answering_storage
from application.operations.ports import Bounds
from domain.kernel.identifiers import TenantId
from domain.kernel.metering import Metric
from domain.operations.finding import Finding, FindingKind, Scope, judged

LEASE: Final = timedelta(minutes=5)
"""How long a pass is a server's after it last wrote something down: one tenant may take long."""

EVENTS_KEPT: Final = timedelta(days=6)
"""Usage is compared of turns that are younger: their events are still there."""

SLICE: Final = 2000
"""So many turns' usage is read at once, or that of an hour."""

APART: Final = timedelta(hours=1)
"""So far from its turn's identifier a usage event's may be, as clocks of servers differ."""

MOST_SUSPECTS: Final = 100
"""So many turns of a slice are looked at one by one."""

SECONDS: Final = 600
"""How long adding up a tenant's ledger may take."""

ReadUsage: TypeAlias = Callable[[bytes], tuple[UUID, Mapping[Metric, int]] | None]
"""The turn that a usage event's payload tells of, and what it used; None where it is of no turn."""

_Usage: TypeAlias = dict[UUID, dict[Metric, int]]


@dataclass(frozen=True, slots=True)
class _Begun:
    now: bool


@dataclass(frozen=True, slots=True)
class _Named:
    tenant: UUID


@dataclass(frozen=True, slots=True)
class _Found:
    kind: str
    tenant: UUID
    reference: str
    detail: str

    def finding(self) -> Finding:
        return Finding(
            kind=FindingKind(self.kind),
            tenant_id=TenantId(self.tenant),
            reference=self.reference,
            detail=self.detail,
        )


@dataclass(frozen=True, slots=True)
class _Slice:
    first: UUID
    after: UUID | None


@dataclass(frozen=True, slots=True)
class _Used:
    """A sum of the ledger, or the payload of an event."""

    turn: UUID | None
    metric: int | None
    amount: int | None
    payload: bytes | None


@dataclass(frozen=True, slots=True)
class _Sums:
    """What the ledger has, and what events tell, by turn and metric; nothing of zero."""

    billed: _Usage = field(default_factory=dict[UUID, dict[Metric, int]])
    told: _Usage = field(default_factory=dict[UUID, dict[Metric, int]])

    def taken(self, until: UUID | None) -> Sequence[UUID]:
        """The turns before `until` whose sums differ; after them nothing of theirs is kept.

        Nor is anything of turns whose sums are equal: what comes of one later makes them differ.
        """
        differing = list[UUID]()
        for turn in sorted({*self.billed, *self.told}):
            differs = self.billed.get(turn, {}) != self.told.get(turn, {})
            if differs and until is not None and turn >= until:
                continue
            if differs:
                differing.append(turn)
            self.billed.pop(turn, None)
            self.told.pop(turn, None)
        return differing


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresBooks:
    """Reads across tenants through functions that may."""

    database: Database
    read_usage: ReadUsage
    slice_turns: int = SLICE
    most_suspects: int = MOST_SUSPECTS

    async def begin(self, scope: Scope, every: timedelta) -> bool:
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Begun))
            await cursor.execute(_BEGIN, (scope.value, every, LEASE))
            (begun,) = await cursor.fetchall()
        return begun.now

    async def tenants(self, after: TenantId | None, limit: int) -> Sequence[TenantId]:
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Named))
            await cursor.execute(_TENANTS, (after, limit))
            return [TenantId(row.tenant) for row in await cursor.fetchall()]

    async def overdue(self, bounds: Bounds, limit: int) -> Sequence[Finding]:
        asked = (bounds.lease, bounds.open, bounds.unpublished, bounds.unsealed, limit)
        async with self.database.writing() as connection:
            return await _findings(connection, _OVERDUE, asked)

    async def check(self, tenant_id: TenantId, since: timedelta | None) -> Sequence[Finding]:
        return [
            *await self._found(_TURNS, (tenant_id, since)),
            *await self._found(_SEQUENCES, (tenant_id, since)),
            *await self._usage(tenant_id, since or EVENTS_KEPT),
            *(
                await self._sums(tenant_id)
                if since is None
                else await self._found(_ACCOUNTS, (tenant_id, False))
            ),
        ]

    async def repair_held(self, tenant_id: TenantId) -> bool:
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Begun))
            await cursor.execute(_REPAIR, {"tenant": tenant_id, "patience": PATIENCE})
            (repaired,) = await cursor.fetchall()
        return repaired.now

    async def keep(self, scope: Scope, findings: Sequence[Finding]) -> None:
        columns = (
            scope.value,
            LEASE,
            [one.kind.value for one in findings],
            [one.tenant_id for one in findings],
            [one.reference for one in findings],
            [one.detail for one in findings],
            [one.repaired for one in findings],
        )
        async with self.database.writing() as connection:
            await connection.execute(_KEEP, columns)

    async def spare(self, scope: Scope, tenant_id: TenantId) -> None:
        async with self.database.writing() as connection:
            await connection.execute(_SPARE, (scope.value, LEASE, tenant_id))

    async def end(self, scope: Scope) -> None:
        async with self.database.writing() as connection:
            await connection.execute(_END, (scope.value, sorted(judged(scope))))

    async def _found(self, sql: bytes, asked: tuple[object, ...]) -> Sequence[Finding]:
        """What one statement finds: each has a connection, and its patience, for itself."""
        async with self.database.writing() as connection:
            return await _findings(connection, sql, asked)

    async def _sums(self, tenant_id: TenantId) -> Sequence[Finding]:
        """The same with sums over the whole ledger, which may take longer than anything else."""
        with answering_storage():
            connection = await self.database.connect_writer()
            async with connection:
                await connection.execute(b"set statement_timeout = '%ds'" % SECONDS)
                return await _findings(connection, _ACCOUNTS, (tenant_id, True))

    async def _usage(self, tenant_id: TenantId, since: timedelta) -> Sequence[Finding]:
        """Each event is read once; a turn is judged when those of an hour on either side are."""
        found = list[Finding]()
        sums = _Sums()
        since = min(since, EVENTS_KEPT) + APART
        first: UUID | None = None
        judged: UUID | None = None
        while True:
            async with self.database.writing() as connection:
                place = await _slice(connection, (tenant_id, first, since, self.slice_turns))
                await self._add(sums, connection, _BETWEEN, (tenant_id, place.first, place.after))
            judged = judged or _moved(place.first, APART)
            until = None if place.after is None else max(judged, _moved(place.after, -APART))
            suspects = [turn for turn in sums.taken(until) if turn >= judged]
            for turn in suspects[: self.most_suspects]:
                found += await self._usage_of(tenant_id, turn)
            if left := suspects[self.most_suspects :]:
                words = f"seems so of {len(left)} turns, this the first; none was looked at alone"
                found.append(_unequal(tenant_id, left[0], words))
            if until is None:
                return found
            first, judged = place.after, until

    async def _usage_of(self, tenant_id: TenantId, turn: UUID) -> Sequence[Finding]:
        sums = _Sums()
        async with self.database.writing() as connection:
            await self._add(sums, connection, _OF_TURN, (tenant_id, turn))
        here, there = sums.billed.get(turn, {}), sums.told.get(turn, {})
        if here == there:
            return ()
        return [_unequal(tenant_id, turn, f"ledger {_words(here)}, events {_words(there)}")]

    async def _add(
        self, sums: _Sums, connection: Connection, sql: bytes, asked: tuple[object, ...]
    ) -> None:
        cursor = connection.cursor(row_factory=class_row(_Used), binary=True)
        await cursor.execute(sql, asked)
        for row in await cursor.fetchall():
            if row.payload is not None:
                read = self.read_usage(row.payload)
                if read is not None:
                    _add(sums.told, *read)
            elif row.turn is not None and row.metric is not None and row.amount is not None:
                _add(sums.billed, row.turn, {Metric.of(row.metric): row.amount})


def _moved(place: UUID, by: timedelta) -> UUID:
    """The place so much later among identifiers, whose first 48 bits are milliseconds."""
    return UUID(int=place.int + (by // timedelta(milliseconds=1) << 80))


def _unequal(tenant_id: TenantId, turn: UUID, detail: str) -> Finding:
    return Finding(
        kind=FindingKind.USAGE_UNEQUAL, tenant_id=tenant_id, reference=str(turn), detail=detail
    )


def _add(sums: _Usage, turn: UUID, used: Mapping[Metric, int]) -> None:
    of_turn = sums.setdefault(turn, {})
    for metric, amount in used.items():
        if amount:
            of_turn[metric] = of_turn.get(metric, 0) + amount


def _words(used: Mapping[Metric, int]) -> str:
    return " ".join(f"{metric}={amount}" for metric, amount in sorted(used.items())) or "nothing"


async def _findings(
    connection: Connection, sql: bytes, asked: tuple[object, ...]
) -> Sequence[Finding]:
    cursor = connection.cursor(row_factory=class_row(_Found))
    await cursor.execute(sql, asked)
    return [row.finding() for row in await cursor.fetchall()]


async def _slice(connection: Connection, asked: tuple[object, ...]) -> _Slice:
    cursor = connection.cursor(row_factory=class_row(_Slice))
    await cursor.execute(_SLICE, asked)
    (place,) = await cursor.fetchall()
    return place


_BEGIN: Final = b"select begin_reconciliation(%s, %s, %s) as now"
_TENANTS: Final = b"select tenant_page(%s, %s::integer) as tenant"
_OVERDUE: Final = b"select * from overdue_findings(%s, %s, %s, %s, %s::integer)"
_TURNS: Final = b"select * from faulty_turns(%s, %s)"
_SEQUENCES: Final = b"select * from broken_sequences(%s, %s)"
_ACCOUNTS: Final = b"select * from unequal_accounts(%s, %s)"
_SLICE: Final = b"select * from usage_slice(%s, %s, %s, %s::integer)"
_BETWEEN: Final = b"select * from usage_between(%s, %s, %s)"
_OF_TURN: Final = b"select * from usage_of_turn(%s, %s)"
_KEEP: Final = (
    b"select keep_findings(%s, %s, %s::text[], %s::uuid[], %s::text[], %s::text[], %s::boolean[])"
)
_SPARE: Final = b"select spare_findings(%s, %s, %s)"
_END: Final = b"select end_reconciliation(%s, %s::text[])"
_REPAIR: Final = b"""
select repair_held(lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s) as now
"""
