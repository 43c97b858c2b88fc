"""What the ledger has, held against what usage events tell."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeAlias, final
from uuid import UUID

from psycopg.rows import class_row

from adapters.postgres.database import Connection, Database
from domain.kernel.identifiers import TenantId
from domain.kernel.metering import Metric
from domain.operations.finding import Finding, FindingKind

EVENTS_KEPT: Final = timedelta(days=6)
"""Usage is compared of what is younger: its events are still there."""

SLICE: Final = 2000
"""Of so many turns, calls and reservations usage is read at once, or of those of an hour."""

APART: Final = timedelta(hours=1)
"""So far from the identifier of what it tells of a usage event's may be: others are looked for."""

MOST_SUSPECTS: Final = 100
"""So many of a slice are looked at one by one."""

ReadUsage: TypeAlias = Callable[[bytes], tuple[UUID, Mapping[Metric, int]] | None]
"""What a usage event's payload tells of, and what that used; None where it names nothing."""

_Usage: TypeAlias = dict[UUID, dict[Metric, int]]


@dataclass(frozen=True, slots=True)
class _Slice:
    first: UUID
    after: UUID | None


@dataclass(frozen=True, slots=True)
class _Used:
    """A sum of the ledger, or the payload of an event."""

    reference: UUID | None
    metric: int | None
    amount: int | None
    payload: bytes | None


@dataclass(frozen=True, slots=True)
class _UsedBy:
    """The same of one turn, call or reservation: `what` says which of them it is."""

    what: str
    metric: int | None
    amount: int | None
    payload: bytes | None

    def of(self, reference: UUID) -> _Used:
        return _Used(reference, self.metric, self.amount, self.payload)


@dataclass(frozen=True, slots=True)
class _Sums:
    """What the ledger has, and what events tell, by what used it and metric; nothing of zero."""

    billed: _Usage = field(default_factory=dict[UUID, dict[Metric, int]])
    told: _Usage = field(default_factory=dict[UUID, dict[Metric, int]])

    def taken(self, until: UUID | None) -> Sequence[UUID]:
        """Those before `until` whose sums differ; after that nothing of theirs is kept.

        Nor is anything of those whose sums are equal: what comes later makes them differ.
        """
        differing = list[UUID]()
        for one in sorted({*self.billed, *self.told}):
            differs = self.billed.get(one, {}) != self.told.get(one, {})
            if differs and until is not None and one >= until:
                continue
            if differs:
                differing.append(one)
            self.billed.pop(one, None)
            self.told.pop(one, None)
        return differing


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class UsageBooks:
    """Compares what turns, calls by themselves and reservations by themselves have used."""

    database: Database
    read_usage: ReadUsage
    slice_size: int = SLICE
    most_suspects: int = MOST_SUSPECTS

    async def unequal(self, tenant_id: TenantId, since: timedelta | None) -> Sequence[Finding]:
        """What is not billed as it is booked, of what was identified since, None for all.

        Each event is read once; what it tells of is judged when those of an hour around are.
        """
        found = list[Finding]()
        sums = _Sums()
        since = min(since or EVENTS_KEPT, EVENTS_KEPT) + APART
        first: UUID | None = None
        judged: UUID | None = None
        while True:
            async with self.database.writing() as connection:
                place = await _slice(connection, (tenant_id, first, since, self.slice_size))
                await self._read(sums, connection, (tenant_id, place.first, place.after))
            judged = judged or _moved(place.first, APART)
            until = None if place.after is None else max(judged, _moved(place.after, -APART))
            suspects = [one for one in sums.taken(until) if one >= judged]
            for one in suspects[: self.most_suspects]:
                found += await self._usage_of(tenant_id, one)
            if left := suspects[self.most_suspects :]:
                words = f"seems so of {len(left)}, this the first; none was looked at alone"
                found.append(_unequal(tenant_id, left[0], words))
            if until is None:
                return found
            first, judged = place.after, until

    async def _usage_of(self, tenant_id: TenantId, reference: UUID) -> Sequence[Finding]:
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_UsedBy), binary=True)
            await cursor.execute(_OF, (tenant_id, reference))
            rows = await cursor.fetchall()
        sums = _Sums()
        for row in rows:
            self._add(sums, row.of(reference))
        here, there = sums.billed.get(reference, {}), sums.told.get(reference, {})
        if here == there:
            return ()
        words = f"{rows[0].what}: ledger {_words(here)}, events {_words(there)}"
        return [_unequal(tenant_id, reference, words)]

    async def _read(self, sums: _Sums, connection: Connection, asked: tuple[object, ...]) -> None:
        cursor = connection.cursor(row_factory=class_row(_Used), binary=True)
        await cursor.execute(_BETWEEN, asked)
        for row in await cursor.fetchall():
            self._add(sums, row)

    def _add(self, sums: _Sums, row: _Used) -> None:
        if row.payload is not None:
            read = self.read_usage(row.payload)
            if read is not None:
                _add(sums.told, *read)
        elif row.reference is not None and row.metric is not None and row.amount is not None:
            _add(sums.billed, row.reference, {Metric.of(row.metric): row.amount})


def _moved(place: UUID, by: timedelta) -> UUID:
    """The place so much later among identifiers, whose first 48 bits are milliseconds."""
    return UUID(int=place.int + (by // timedelta(milliseconds=1) << 80))


def _unequal(tenant_id: TenantId, reference: UUID, detail: str) -> Finding:
    return Finding(
        kind=FindingKind.USAGE_UNEQUAL,
        tenant_id=tenant_id,
        reference=str(reference),
        detail=detail,
    )


def _add(sums: _Usage, reference: UUID, used: Mapping[Metric, int]) -> None:
    known = sums.setdefault(reference, {})
    for metric, amount in used.items():
        if amount:
            known[metric] = known.get(metric, 0) + amount


def _words(used: Mapping[Metric, int]) -> str:
    return " ".join(f"{metric}={amount}" for metric, amount in sorted(used.items())) or "nothing"


async def _slice(connection: Connection, asked: tuple[object, ...]) -> _Slice:
    cursor = connection.cursor(row_factory=class_row(_Slice))
    await cursor.execute(_SLICE, asked)
    (place,) = await cursor.fetchall()
    return place


_SLICE: Final = b"select * from usage_slice(%s, %s, %s, %s::integer)"
_BETWEEN: Final = b"select * from usage_between(%s, %s, %s)"
_OF: Final = b"select * from usage_of(%s, %s)"
