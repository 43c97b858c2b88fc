"""Tenants, their keys, and how both are found, in PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, final
from uuid import UUID

import psycopg
import sqlalchemy as sa
from psycopg.rows import class_row

from adapters.postgres.database import Database
from adapters.postgres.outgoing import FACTS, Outgoing
from adapters.postgres.requests import claim
from adapters.postgres.tables.tenancy import tenant_profiles
from application.identity.ports import KeyHolder
from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import KeyId, TenantId
from domain.kernel.metering import Metric
from domain.kernel.request_key import RequestKey
from domain.tenancy.api_key import ApiKey
from domain.tenancy.errors import TenantAlreadyExistsError, TenantNotFoundError
from domain.tenancy.plan import Plan
from domain.tenancy.tenant import PLATFORM_TENANT_ID, Standing, Tenant

if TYPE_CHECKING:  # see `SqlPool`
    from sqlalchemy.ext.asyncio import AsyncConnection

_CREATE: Final = (
    b"""
    select * from create_tenant(
        %(tenant)s, %(platform)s, %(slug)s, %(display_name)s, %(plan)s, %(created_at)s,
        %(method)s, %(request)s, %(digest)s, %(metrics)s::smallint[], %(amounts)s::bigint[],
"""
    + FACTS
)
_MADE, _MADE_BEFORE, _REUSED = 1, 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Created:
    condition: int
    tenant: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _TenantRow:
    tenant_id: UUID
    slug: str
    display_name: str
    plan: str
    standing: int
    standing_reason: str
    created_at: datetime
    version: int

    def tenant(self) -> Tenant:
        return Tenant(
            id=TenantId(self.tenant_id),
            slug=self.slug,
            display_name=self.display_name,
            plan=Plan(self.plan),
            created_at=self.created_at,
            standing=Standing(self.standing),
            standing_reason=self.standing_reason,
            version=self.version,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _HolderRow(_TenantRow):
    key_id: UUID
    subject: str
    key_display_name: str
    roles: list[str]
    scopes: list[str]
    digest: bytes
    creator: str
    key_created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    key_version: int

    def holder(self) -> KeyHolder:
        key = ApiKey(
            id=KeyId(self.key_id),
            tenant_id=TenantId(self.tenant_id),
            subject=self.subject,
            display_name=self.key_display_name,
            roles=frozenset(self.roles),
            scopes=frozenset(self.scopes),
            digest=self.digest,
            creator=self.creator,
            created_at=self.key_created_at,
            expires_at=self.expires_at,
            revoked_at=self.revoked_at,
            version=self.key_version,
        )
        return KeyHolder(key, self.tenant())


@final
@dataclass(frozen=True, slots=True)
class PostgresTenants:
    """A `Tenants`."""

    database: Database
    outgoing: Outgoing

    async def create(
        self,
        tenant: Tenant,
        limits: Mapping[Metric, int | None],
        request: RequestKey,
        events: Sequence[DomainEvent] = (),
    ) -> Tenant:
        try:
            created = await self._create(tenant, limits, request, events)
        except psycopg.errors.UniqueViolation:
            # The request id was taken by another transaction at the same moment; now it is known.
            created = await self._create(tenant, limits, request, events)
        if created.condition == _REUSED:
            raise IdempotencyKeyReusedError(request.request_id)
        if created.condition not in (_MADE, _MADE_BEFORE) or created.tenant is None:
            raise TenantAlreadyExistsError(tenant.slug)
        tenant_id = TenantId(created.tenant)
        async with self.database.tenant(tenant_id) as connection:
            return await _tenant(connection, tenant_id)

    async def by_slug(self, slug: str) -> Tenant:
        found = await PostgresCredentials(self.database).tenant(slug)
        if found is None:
            raise TenantNotFoundError(slug)
        return found

    async def stand(
        self,
        tenant_id: TenantId,
        standing: Standing,
        reason: str,
        request: RequestKey,
        events: Sequence[DomainEvent] = (),
    ) -> Tenant:
        async with self.database.tenant(tenant_id) as connection:
            if await claim(connection, tenant_id, request, str(tenant_id)) is not None:
                return await _tenant(connection, tenant_id)
            tenant = await _tenant(connection, tenant_id, lock=True)
            changed = tenant.stand(standing, reason)
            if changed == tenant:
                return tenant
            await connection.execute(
                sa.update(tenant_profiles)
                .where(tenant_profiles.c.tenant_id == tenant_id)
                .values(
                    standing=changed.standing,
                    standing_reason=changed.standing_reason,
                    version=changed.version,
                )
            )
            await self.outgoing.announce(connection, events)
            return changed

    async def _create(
        self,
        tenant: Tenant,
        limits: Mapping[Metric, int | None],
        request: RequestKey,
        events: Sequence[DomainEvent],
    ) -> _Created:
        parameters: dict[str, object] = {
            "tenant": tenant.id,
            "platform": PLATFORM_TENANT_ID,
            "slug": tenant.slug,
            "display_name": tenant.display_name,
            "plan": tenant.plan.value,
            "created_at": tenant.created_at,
            "method": request.method,
            "request": request.request_id,
            "digest": request.digest,
            "metrics": [metric.code for metric in limits],
            "amounts": list(limits.values()),
            **self.outgoing.named(events),
        }
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Created))
            created = await (await cursor.execute(_CREATE, parameters)).fetchone()
        return created or _Created(condition=0, tenant=None)


@final
@dataclass(frozen=True, slots=True)
class PostgresCredentials:
    """A `Credentials`: each look-up is one definer function, which sees one row."""

    database: Database

    async def holder(self, key_id: KeyId) -> KeyHolder | None:
        async with self.database.reading() as connection:
            cursor = connection.cursor(row_factory=class_row(_HolderRow))
            await cursor.execute("select * from find_key_holder(%s)", (key_id,))
            row = await cursor.fetchone()
        return None if row is None else row.holder()

    async def tenant(self, slug: str) -> Tenant | None:
        if "\0" in slug:
            return None
        async with self.database.reading() as connection:
            cursor = connection.cursor(row_factory=class_row(_TenantRow))
            await cursor.execute("select * from find_tenant(%s)", (slug,))
            row = await cursor.fetchone()
        return None if row is None else row.tenant()


async def _tenant(
    connection: "AsyncConnection", tenant_id: TenantId, *, lock: bool = False
) -> Tenant:
    query = sa.select(tenant_profiles).where(tenant_profiles.c.tenant_id == tenant_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise TenantNotFoundError(str(tenant_id))
    return Tenant(
        id=tenant_id,
        slug=row.slug,
        display_name=row.display_name,
        plan=Plan(row.plan),
        created_at=row.created_at,
        standing=Standing(row.standing),
        standing_reason=row.standing_reason,
        version=row.version,
    )
