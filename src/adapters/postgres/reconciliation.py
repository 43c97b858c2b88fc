"""What PostgreSQL keeps of all tenants, held against itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, final
from uuid import UUID

from psycopg.rows import class_row

from adapters.postgres.budget import PATIENCE
from adapters.postgres.database import Connection, Database, answering_storage
from adapters.postgres.usage_books import UsageBooks
from application.operations.ports import BegunPass, Bounds
from domain.kernel.identifiers import TenantId
from domain.operations.finding import KINDS, Finding, FindingKind, Look, Scope, judged

LEASE: Final = timedelta(minutes=5)
"""How long a pass is a server's after it last renewed it, or wrote something down."""

SECONDS: Final = 600
"""How long adding up a tenant's ledger may take."""


@dataclass(frozen=True, slots=True)
class _Begun:
    at: datetime | None


@dataclass(frozen=True, slots=True)
class _Done:
    done: bool


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


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresBooks:
    """Reads across tenants through functions that may."""

    database: Database
    usage: UsageBooks
    lease: timedelta = LEASE

    async def begin(self, scope: Scope, every: timedelta) -> BegunPass | None:
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Begun))
            await cursor.execute(_BEGIN, (scope.value, every, self.lease))
            (begun,) = await cursor.fetchall()
        return None if begun.at is None else BegunPass(scope, begun.at)

    async def renew(self, begun: BegunPass) -> bool:
        return await self._done(_RENEW, (begun.scope.value, begun.began_at, self.lease))

    async def tenants(self, after: TenantId | None, limit: int) -> Sequence[TenantId]:
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Named))
            await cursor.execute(_TENANTS, (after, limit))
            return [TenantId(row.tenant) for row in await cursor.fetchall()]

    async def overdue(self, bounds: Bounds, limit: int) -> Sequence[Finding]:
        asked = (bounds.lease, bounds.open, bounds.unpublished, bounds.unsealed, limit)
        async with self.database.writing() as connection:
            return await _findings(connection, _OVERDUE, asked)

    async def check(
        self, tenant_id: TenantId, look: Look, since: timedelta | None
    ) -> Sequence[Finding]:
        match look:
            case Look.TURNS:
                return await self._found(_TURNS, (tenant_id, since))
            case Look.SEQUENCES:
                return await self._found(_SEQUENCES, (tenant_id, since))
            case Look.USAGE:
                return await self.usage.unequal(tenant_id, since)
            case Look.ACCOUNTS if since is None:
                return await self._sums(tenant_id)
            case Look.ACCOUNTS:
                return await self._found(_ACCOUNTS, (tenant_id, False))
            case Look.OVERDUE:
                return ()

    async def repair_held(self, tenant_id: TenantId) -> bool:
        return await self._done(_REPAIR, {"tenant": tenant_id, "patience": PATIENCE})

    async def keep(self, begun: BegunPass, findings: Sequence[Finding]) -> bool:
        columns = (
            begun.scope.value,
            begun.began_at,
            self.lease,
            [one.kind.value for one in findings],
            [one.tenant_id for one in findings],
            [one.reference for one in findings],
            [one.detail for one in findings],
            [one.repaired for one in findings],
        )
        return await self._done(_KEEP, columns)

    async def spare(self, begun: BegunPass, look: Look, tenant_id: TenantId | None) -> bool:
        kinds = sorted(KINDS[look])
        asked = (begun.scope.value, begun.began_at, self.lease, kinds, tenant_id)
        return await self._done(_SPARE, asked)

    async def end(self, begun: BegunPass) -> bool:
        kinds = sorted(judged(begun.scope))
        return await self._done(_END, (begun.scope.value, begun.began_at, kinds))

    async def give_back(self, begun: BegunPass) -> None:
        await self._done(_GIVE_BACK, (begun.scope.value, begun.began_at))

    async def _done(self, sql: bytes, asked: Sequence[object] | Mapping[str, object]) -> bool:
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Done))
            await cursor.execute(sql, asked)
            (done,) = await cursor.fetchall()
        return done.done

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


async def _findings(
    connection: Connection, sql: bytes, asked: tuple[object, ...]
) -> Sequence[Finding]:
    cursor = connection.cursor(row_factory=class_row(_Found))
    await cursor.execute(sql, asked)
    return [row.finding() for row in await cursor.fetchall()]


_BEGIN: Final = b"select begin_reconciliation(%s, %s, %s) as at"
_TENANTS: Final = b"select tenant_page(%s, %s::integer) as tenant"
_OVERDUE: Final = b"select * from overdue_findings(%s, %s, %s, %s, %s::integer)"
_TURNS: Final = b"select * from faulty_turns(%s, %s)"
_SEQUENCES: Final = b"select * from broken_sequences(%s, %s)"
_ACCOUNTS: Final = b"select * from unequal_accounts(%s, %s)"
_RENEW: Final = b"select hold_reconciliation(%s, %s, %s) as done"
_KEEP: Final = b"""
select keep_findings(
    %s, %s, %s, %s::text[], %s::uuid[], %s::text[], %s::text[], %s::boolean[]) as done
"""
_SPARE: Final = b"select spare_findings(%s, %s, %s, %s::text[], %s) as done"
_END: Final = b"select end_reconciliation(%s, %s, %s::text[]) as done"
_GIVE_BACK: Final = b"select give_back_reconciliation(%s, %s) as done"
_REPAIR: Final = b"""
select repair_held(lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s) as done
"""
