"""Capsules in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, final
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.database import Database
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.requests import answer_with, claim
from adapters.postgres.tables.capsules import capsules
from application.capsule.ports import ActivationFacts, CapsulePlace, CapsuleStanding, untold
from domain.capsule.capsule import Capsule, CapsuleState
from domain.capsule.errors import CapsuleAlreadyExistsError, CapsuleNotFoundError
from domain.capsule.manifest import Signature
from domain.capsule.manifest_reading import read_manifest
from domain.kernel.errors import EtagMismatchError
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import CapsuleVersionId, TenantId
from domain.kernel.request_key import RequestKey

if TYPE_CHECKING:  # see `SqlPool`
    from sqlalchemy.ext.asyncio import AsyncConnection


@final
@dataclass(frozen=True, slots=True)
class PostgresCapsules:
    """A `Capsules`."""

    database: Database
    outgoing: Outgoing

    async def create(self, capsule: Capsule, request: RequestKey) -> Capsule:
        tenant_id = capsule.tenant_id
        async with self.database.tenant(tenant_id) as connection:
            earlier = await claim(connection, tenant_id, request, str(capsule.id))
            if earlier is not None:
                return await _one(connection, tenant_id, CapsuleVersionId(UUID(earlier)))
            added = await connection.execute(
                insert(capsules)
                .values(_row_of(capsule))
                .on_conflict_do_nothing()
                .returning(capsules.c.capsule_version_id)
            )
            if added.scalar_one_or_none() is not None:
                return capsule
            stored = await _version(
                connection, tenant_id, capsule.manifest.name, capsule.manifest.version
            )
            if stored.document != capsule.document:
                raise CapsuleAlreadyExistsError(capsule.manifest.name, capsule.manifest.version)
            await answer_with(connection, tenant_id, request, str(stored.id))
            return stored

    async def version(self, tenant_id: TenantId, name: str, version: str) -> Capsule:
        async with self.database.tenant(tenant_id) as connection:
            return await _version(connection, tenant_id, name, version)

    async def by_id(self, tenant_id: TenantId, capsule_id: CapsuleVersionId) -> Capsule:
        async with self.database.tenant(tenant_id) as connection:
            return await _one(connection, tenant_id, capsule_id)

    async def standing(self, tenant_id: TenantId, name: str) -> CapsuleStanding:
        query = (
            _STANDING.where(
                capsules.c.tenant_id == tenant_id,
                capsules.c.name == name,
                capsules.c.activated_at.is_not(None),
            )
            .order_by(
                (capsules.c.state == CapsuleState.ACTIVE).desc(), capsules.c.activated_at.desc()
            )
            .limit(1)
        )
        async with self.database.tenant(tenant_id) as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise CapsuleNotFoundError(name)
        return _standing(row)

    async def standing_of(
        self, tenant_id: TenantId, capsule_id: CapsuleVersionId
    ) -> CapsuleStanding:
        query = _STANDING.where(*_at(tenant_id, capsule_id))
        async with self.database.tenant(tenant_id) as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise CapsuleNotFoundError(str(capsule_id))
        return _standing(row)

    async def list(
        self,
        tenant_id: TenantId,
        *,
        name: str,
        state: CapsuleState | None,
        after: CapsulePlace | None,
        limit: int,
    ) -> Sequence[Capsule]:
        query = sa.select(capsules).where(capsules.c.tenant_id == tenant_id)
        if name:
            query = query.where(capsules.c.name == name)
        if state is not None:
            query = query.where(capsules.c.state == state)
        if after is not None:
            query = query.where(
                (capsules.c.name > after.name)
                | ((capsules.c.name == after.name) & (capsules.c.capsule_version_id < after.id))
            )
        query = query.order_by(capsules.c.name, capsules.c.capsule_version_id.desc()).limit(limit)
        async with self.database.tenant(tenant_id) as connection:
            return [_capsule(row) for row in (await connection.execute(query)).all()]

    async def activate(
        self,
        tenant_id: TenantId,
        capsule_id: CapsuleVersionId,
        *,
        etag: str,
        at: datetime,
        request: RequestKey,
        told: ActivationFacts = untold,
    ) -> Capsule:
        async with self.database.tenant(tenant_id) as connection:
            if await claim(connection, tenant_id, request, str(capsule_id)) is not None:
                return await _one(connection, tenant_id, capsule_id)
            capsule = await _locked(connection, tenant_id, capsule_id, etag)
            activated = capsule.activate(at)
            if activated is not capsule:
                active = await _active(connection, tenant_id, capsule.manifest.name)
                if active is not None:
                    await _write_state(connection, active.retire())
                await _write_state(connection, activated)
                previous = "" if active is None else active.manifest.version
                await self.outgoing.announce(connection, told(activated, previous))
            return activated

    async def revoke(
        self,
        tenant_id: TenantId,
        capsule_id: CapsuleVersionId,
        *,
        etag: str,
        request: RequestKey,
        events: Sequence[DomainEvent] = (),
    ) -> Capsule:
        async with self.database.tenant(tenant_id) as connection:
            if await claim(connection, tenant_id, request, str(capsule_id)) is not None:
                return await _one(connection, tenant_id, capsule_id)
            capsule = await _locked(connection, tenant_id, capsule_id, etag)
            revoked = capsule.revoke()
            if revoked is not capsule:
                await _write_state(connection, revoked)
                await self.outgoing.announce(connection, events)
            return revoked


_STANDING = sa.select(capsules.c.capsule_version_id, capsules.c.version, capsules.c.state)


def _standing(row: "sa.Row[*tuple[object, ...]]") -> CapsuleStanding:
    return CapsuleStanding(
        CapsuleVersionId(row.capsule_version_id), row.version, CapsuleState(row.state)
    )


def _at(tenant_id: TenantId, capsule_id: CapsuleVersionId) -> tuple[sa.ColumnElement[bool], ...]:
    return (capsules.c.tenant_id == tenant_id, capsules.c.capsule_version_id == capsule_id)


async def _one(
    connection: "AsyncConnection", tenant_id: TenantId, capsule_id: CapsuleVersionId
) -> Capsule:
    query = sa.select(capsules).where(*_at(tenant_id, capsule_id))
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise CapsuleNotFoundError(str(capsule_id))
    return _capsule(row)


async def _version(
    connection: "AsyncConnection", tenant_id: TenantId, name: str, version: str
) -> Capsule:
    query = sa.select(capsules).where(
        capsules.c.tenant_id == tenant_id,
        capsules.c.name == name,
        capsules.c.version == version,
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise CapsuleNotFoundError(f"{name} {version}")
    return _capsule(row)


async def _locked(
    connection: "AsyncConnection", tenant_id: TenantId, capsule_id: CapsuleVersionId, etag: str
) -> Capsule:
    """The capsule, with all versions of its name locked in one order, so that nobody deadlocks."""
    name = (await _one(connection, tenant_id, capsule_id)).manifest.name
    await connection.execute(
        sa.select(capsules.c.capsule_version_id)
        .where(capsules.c.tenant_id == tenant_id, capsules.c.name == name)
        .order_by(capsules.c.capsule_version_id)
        .with_for_update()
    )
    capsule = await _one(connection, tenant_id, capsule_id)
    if etag and etag != capsule.etag:
        raise EtagMismatchError(f"{name} {capsule.manifest.version}")
    return capsule


async def _active(connection: "AsyncConnection", tenant_id: TenantId, name: str) -> Capsule | None:
    query = sa.select(capsules).where(
        capsules.c.tenant_id == tenant_id,
        capsules.c.name == name,
        capsules.c.state == CapsuleState.ACTIVE,
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _capsule(row)


async def _write_state(connection: "AsyncConnection", capsule: Capsule) -> None:
    await connection.execute(
        sa.update(capsules)
        .where(*_at(capsule.tenant_id, capsule.id))
        .values(state=capsule.state, activated_at=capsule.activated_at, revision=capsule.revision)
    )


def _row_of(capsule: Capsule) -> dict[str, object]:
    return {
        "tenant_id": capsule.tenant_id,
        "capsule_version_id": capsule.id,
        "name": capsule.manifest.name,
        "version": capsule.manifest.version,
        "display_name": capsule.manifest.display_name,
        "document": capsule.document,
        "hash": capsule.hash,
        "key_id": capsule.signature.key_id,
        "signature": capsule.signature.value,
        "state": capsule.state,
        "created_at": capsule.created_at,
        "activated_at": capsule.activated_at,
        "revision": capsule.revision,
    }


def _capsule(row: "sa.Row[*tuple[object, ...]]") -> Capsule:
    return Capsule(
        id=CapsuleVersionId(row.capsule_version_id),
        tenant_id=TenantId(row.tenant_id),
        manifest=read_manifest(orjson.loads(row.document)),
        document=row.document,
        hash=row.hash,
        signature=Signature(key_id=row.key_id, value=row.signature),
        state=CapsuleState(row.state),
        created_at=row.created_at,
        activated_at=row.activated_at,
        revision=row.revision,
    )
