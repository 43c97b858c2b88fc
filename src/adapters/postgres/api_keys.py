"""API keys of tenants, in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, final
from uuid import UUID

import sqlalchemy as sa

from adapters.postgres.database import Database
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.requests import claim
from adapters.postgres.tables.tenancy import api_keys
from domain.kernel.errors import EtagMismatchError
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import KeyId, TenantId
from domain.kernel.request_key import RequestKey
from domain.tenancy.api_key import ApiKey
from domain.tenancy.errors import KeyNotFoundError

if TYPE_CHECKING:  # see `SqlPool`
    from sqlalchemy.ext.asyncio import AsyncConnection


@final
@dataclass(frozen=True, slots=True)
class PostgresApiKeys:
    """An `ApiKeys`."""

    database: Database
    outgoing: Outgoing

    async def create(
        self, key: ApiKey, request: RequestKey, events: Sequence[DomainEvent] = ()
    ) -> ApiKey:
        async with self.database.tenant(key.tenant_id) as connection:
            earlier = await claim(connection, key.tenant_id, request, str(key.id))
            if earlier is not None:
                return await _key(connection, key.tenant_id, KeyId(UUID(earlier)))
            await connection.execute(sa.insert(api_keys).values(_row_of(key)))
            await self.outgoing.announce(connection, events)
            return key

    async def revoke(
        self,
        tenant_id: TenantId,
        key_id: KeyId,
        *,
        etag: str,
        at: datetime,
        request: RequestKey,
        events: Sequence[DomainEvent] = (),
    ) -> ApiKey:
        async with self.database.tenant(tenant_id) as connection:
            if await claim(connection, tenant_id, request, str(key_id)) is not None:
                return await _key(connection, tenant_id, key_id)
            key = await _key(connection, tenant_id, key_id, lock=True)
            if etag and etag != key.etag:
                raise EtagMismatchError(str(key_id))
            revoked = key.revoke(at)
            if revoked == key:
                return key
            await connection.execute(
                sa.update(api_keys)
                .where(api_keys.c.tenant_id == tenant_id, api_keys.c.key_id == key_id)
                .values(revoked_at=revoked.revoked_at, version=revoked.version)
            )
            await self.outgoing.announce(connection, events)
            return revoked


async def _key(
    connection: "AsyncConnection", tenant_id: TenantId, key_id: KeyId, *, lock: bool = False
) -> ApiKey:
    query = sa.select(api_keys).where(
        api_keys.c.tenant_id == tenant_id, api_keys.c.key_id == key_id
    )
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise KeyNotFoundError(str(key_id))
    return ApiKey(
        id=KeyId(row.key_id),
        tenant_id=TenantId(row.tenant_id),
        subject=row.subject,
        display_name=row.display_name,
        roles=frozenset(row.roles),
        scopes=frozenset(row.scopes),
        digest=row.digest,
        creator=row.creator,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        version=row.version,
    )


def _row_of(key: ApiKey) -> dict[str, object]:
    return {
        "tenant_id": key.tenant_id,
        "key_id": key.id,
        "subject": key.subject,
        "display_name": key.display_name,
        "roles": sorted(key.roles),
        "scopes": sorted(key.scopes),
        "digest": key.digest,
        "creator": key.creator,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "version": key.version,
    }
