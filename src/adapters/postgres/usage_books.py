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

SUSPECTS: Final = 1000
"""Of so many that differ, ledger and events are looked for wherever they are, in one statement."""

ReadUsage: TypeAlias = Callable[[bytes], tuple[UUID, Mapping[Metric, int]] | None]
"""What a usage event's payload tells of, and what that used; None where it names nothing."""

_Usage: TypeAlias = dict[UUID, dict[Metric, int]]


@dataclass(frozen=True, slots=True)
class _Slice:
    first: UUID
    after: UUID | None


@dataclass(frozen=True, slots=True)
class _Used:
    """A sum of the ledger, or an event's payload: `reference` is what used it, or the event's."""

    reference: UUID
    metric: int | None
    amount: int | None
    payload: bytes | None


@dataclass(frozen=True, slots=True)
class _UsedBy:
    """A sum of the ledger, or an event's payload, of one turn, call or reservation: see `what`."""

    reference: UUID
    what: str
    metric: int | None
    amount: int | None
    payload: bytes | None


@dataclass(frozen=True, slots=True)
class _Unequal:
    what: str
    finding: Finding


@dataclass(slots=True)
class _Sums:
    """What the ledger has, and what events tell, by what used it and metric; nothing of zero.

    `unnamed` is the latest event that names nothing.
    """

    billed: _Usage = field(default_factory=dict[UUID, dict[Metric, int]])
    told: _Usage = field(default_factory=dict[UUID, dict[Metric, int]])
    unnamed: UUID | None = None

    def suspects(self, start: UUID, until: UUID | None) -> Sequence[UUID]:
        """Those from `start` on and before `until` whose sums differ.

        Nothing is kept of those before `start`, nor of those whose sums are equal: what comes later
        makes them differ.
        """
        differing = list[UUID]()
        for one in sorted({*self.billed, *self.told}):
            if one < start or self.billed.get(one, {}) == self.told.get(one, {}):
                self.forget(one)
            elif until is None or one < until:
                differing.append(one)
        return differing

    def bill(self, reference: UUID, metric: int | None, amount: int | None) -> None:
        if metric is not None and amount is not None:
            _add(self.billed, reference, {Metric.of(metric): amount})

    def forget(self, *references: UUID) -> None:
        for one in references:
            self.billed.pop(one, None)
            self.told.pop(one, None)

    def judges(self, unequal: _Unequal, reference: UUID) -> bool:
        """Whether it would be named by its events: servers of before revision 0003 name turns."""
        named = self.unnamed is None or reference > _moved(self.unnamed, APART)
        return named or unequal.what == "turn"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class UsageBooks:
    """Compares what turns, calls by themselves and reservations by themselves have used."""

    database: Database
    read_usage: ReadUsage
    slice_size: int = SLICE
    suspects: int = SUSPECTS

    async def unequal(self, tenant_id: TenantId, since: timedelta | None) -> Sequence[Finding]:
        """What is not billed as it is booked, of what was identified since, None for all.

        Each event is read once. What differs is kept in mind, as what tells of it may come much
        later; what still does at the end, or is too much to be kept, is looked for by itself.
        """
        found = dict[UUID, _Unequal]()
        sums = _Sums()
        since = min(since or EVENTS_KEPT, EVENTS_KEPT) + APART
        first: UUID | None = None
        start: UUID | None = None
        while True:
            async with self.database.writing() as connection:
                place = await _slice(connection, (tenant_id, first, since, self.slice_size))
                await self._read(sums, connection, (tenant_id, place.first, place.after))
            start = start or _moved(place.first, APART)
            until = None if place.after is None else _moved(place.after, -APART)
            suspects = sums.suspects(start, until)
            if until is None or len(suspects) >= self.suspects:
                found |= await self._looked_at(tenant_id, suspects)
                sums.forget(*suspects)
            if until is None:
                return [one.finding for ref, one in found.items() if sums.judges(one, ref)]
            first = place.after

    async def _looked_at(
        self, tenant_id: TenantId, suspects: Sequence[UUID]
    ) -> Mapping[UUID, _Unequal]:
        """Those of them that are unequal, so many at once."""
        unequal = dict[UUID, _Unequal]()
        for at in range(0, len(suspects), self.suspects):
            unequal |= await self._usage_of(tenant_id, suspects[at : at + self.suspects])
        return unequal

    async def _usage_of(
        self, tenant_id: TenantId, references: Sequence[UUID]
    ) -> Mapping[UUID, _Unequal]:
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_UsedBy), binary=True)
            await cursor.execute(_OF, (tenant_id, [*references]))
            rows = await cursor.fetchall()
        sums, what = _Sums(), dict[UUID, str]()
        for row in rows:
            what[row.reference] = row.what
            if row.payload is None:
                sums.bill(row.reference, row.metric, row.amount)
            elif (read := self.read_usage(row.payload)) and read[0] == row.reference:
                _add(sums.told, *read)
        unequal = dict[UUID, _Unequal]()
        for one in what:
            here, there = sums.billed.get(one, {}), sums.told.get(one, {})
            if here != there:
                words = f"{what[one]}: ledger {_words(here)}, events {_words(there)}"
                unequal[one] = _Unequal(what[one], _finding(tenant_id, one, words))
        return unequal

    async def _read(self, sums: _Sums, connection: Connection, asked: tuple[object, ...]) -> None:
        cursor = connection.cursor(row_factory=class_row(_Used), binary=True)
        await cursor.execute(_BETWEEN, asked)
        for row in await cursor.fetchall():
            if row.payload is None:
                sums.bill(row.reference, row.metric, row.amount)
            elif read := self.read_usage(row.payload):
                _add(sums.told, *read)
            else:
                sums.unnamed = max(sums.unnamed or row.reference, row.reference)


def _moved(place: UUID, by: timedelta) -> UUID:
    """The place so much later among identifiers, whose first 48 bits are milliseconds."""
    return UUID(int=place.int + (by // timedelta(milliseconds=1) << 80))


def _finding(tenant_id: TenantId, reference: UUID, detail: str) -> Finding:
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
_OF: Final = b"select * from usage_of(%s, %s::uuid[])"
