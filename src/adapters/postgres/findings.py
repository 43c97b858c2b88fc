"""What reconciliations have found, and what alarms are set on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, final
from uuid import UUID

from psycopg.rows import class_row

from adapters.postgres.database import Database
from application.operations.ports import Pass, SeenFinding, Standing
from domain.kernel.identifiers import TenantId
from domain.kernel.metering import Metric
from domain.operations.finding import Finding, FindingKind, Scope


@dataclass(frozen=True, slots=True)
class _Row:
    place: str
    kind: str
    tenant: UUID
    reference: str
    detail: str
    repaired: bool
    found_at: datetime
    seen_at: datetime
    slug: str | None

    def seen(self) -> SeenFinding:
        return SeenFinding(
            finding=Finding(
                kind=FindingKind(self.kind),
                tenant_id=TenantId(self.tenant),
                reference=self.reference,
                detail=self.detail,
                repaired=self.repaired,
            ),
            tenant=self.slug or "",
            found_at=self.found_at,
            seen_at=self.seen_at,
        )


@dataclass(frozen=True, slots=True)
class _Pass:
    scope: str
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Figure:
    figure: str
    label: str
    value: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresFindings:
    database: Database

    async def page(
        self, tenant_id: TenantId | None, after: str, limit: int
    ) -> Sequence[tuple[str, SeenFinding]]:
        async with self.database.reading() as connection:
            cursor = connection.cursor(row_factory=class_row(_Row))
            await cursor.execute(_PAGE, (tenant_id, after, limit))
            return [(row.place, row.seen()) for row in await cursor.fetchall()]

    async def passes(self) -> Sequence[Pass]:
        async with self.database.reading() as connection:
            cursor = connection.cursor(row_factory=class_row(_Pass))
            await cursor.execute(b"select * from reconciliation_passes()")
            return [
                Pass(scope=Scope(row.scope), began_at=row.began_at, ended_at=row.ended_at)
                for row in await cursor.fetchall()
            ]

    async def standing(self) -> Standing:
        async with self.database.reading() as connection:
            cursor = connection.cursor(row_factory=class_row(_Figure))
            await cursor.execute(b"select * from standing_figures()")
            rows = await cursor.fetchall()
        single = {row.figure: row.value for row in rows}
        return Standing(
            findings={
                FindingKind(row.label): int(row.value) for row in rows if row.figure == "findings"
            },
            overrun={
                Metric.of(int(row.label)): int(row.value) for row in rows if row.figure == "overrun"
            },
            unsealed=int(single["unsealed"]),
            oldest_unsealed_seconds=single["oldest_unsealed"],
        )


_PAGE: Final = b"""
select f.*, tenant_slug(f.tenant) as slug from finding_page(%s, %s, %s::integer) f order by f.place
"""
