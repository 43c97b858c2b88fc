"""Invocations in PostgreSQL, as they are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final
from uuid import UUID

from psycopg.rows import class_row

from adapters.postgres.database import Database
from adapters.postgres.invocation_rows import InvocationRow
from domain.kernel.identifiers import InvocationId, TenantId
from domain.tools.errors import InvocationNotFoundError
from domain.tools.invocation import Invocation, InvocationState


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found(InvocationRow):
    session: UUID | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresInvocations:
    """Reads of one tenant's invocations, under row-level security."""

    database: Database

    async def invocation(self, tenant_id: TenantId, invocation_id: InvocationId) -> Invocation:
        found = await self._read(_PAGE, (tenant_id, invocation_id, None, None, 1))
        if not found:
            raise InvocationNotFoundError(str(invocation_id))
        return found[0]

    async def invocations(
        self,
        tenant_id: TenantId,
        *,
        state: InvocationState | None,
        after: InvocationId | None,
        limit: int,
    ) -> Sequence[Invocation]:
        number = None if state is None else state.value
        return await self._read(_PAGE, (tenant_id, None, number, after, limit))

    async def awaiting(
        self, tenant_id: TenantId, *, after: InvocationId | None, limit: int
    ) -> Sequence[Invocation]:
        return await self._read(_AWAITING, (tenant_id, after, limit))

    async def _read(self, sql: bytes, parameters: Sequence[object]) -> Sequence[Invocation]:
        async with self.database.reading() as connection:
            cursor = connection.cursor(row_factory=class_row(_Found))
            await cursor.execute(sql, parameters)
            return [row.invocation(row.session) for row in await cursor.fetchall()]


_PAGE: Final = b"""
select session, (invocation).*
  from invocation_page(%s, %s::uuid, %s::smallint, %s::uuid, %s::integer)
"""
_AWAITING: Final = b"""
select session, (invocation).* from awaiting_invocations(%s, %s::uuid, %s::integer)
"""
