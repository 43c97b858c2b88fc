"""Request ids of mutations that are repeatable by themselves, in PostgreSQL."""

from dataclasses import dataclass
from typing import final

from adapters.postgres.database import Database
from adapters.postgres.requests import answer_with, claim
from domain.kernel.identifiers import TenantId
from domain.kernel.request_key import RequestKey


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresRequestClaims:
    database: Database

    async def claim(self, tenant_id: TenantId, request: RequestKey) -> str:
        async with self.database.tenant(tenant_id) as connection:
            return await claim(connection, tenant_id, request, "") or ""

    async def note(self, tenant_id: TenantId, request: RequestKey, answer: str) -> None:
        async with self.database.tenant(tenant_id) as connection:
            await answer_with(connection, tenant_id, request, answer)
