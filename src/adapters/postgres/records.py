"""Provenance records in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString, final
from uuid import UUID

import sqlalchemy as sa
from psycopg.rows import class_row

from adapters.postgres.database import Database
from adapters.postgres.seal_bytes import unpacked_seal
from adapters.postgres.tables.records import records
from application.provenance.ports import AppendRecord
from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.identifiers import RecordId, TenantId, TurnId
from domain.provenance.errors import RecordNotFoundError
from domain.provenance.receipt import Receipt
from domain.provenance.record import StoredRecord

PATIENCE: Final = timedelta(seconds=5)
"""How long a record by itself waits for its tenant's row."""

_REUSED: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Appended:
    outcome: int
    record_id: UUID
    record_position: int
    body: bytes
    nonce: bytes | None
    sealed: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    record_id: UUID
    turn_id: UUID | None
    position: int
    body: bytes
    nonce: bytes | None
    seal: bytes | None
    created_at: datetime

    def record(self, tenant_id: TenantId) -> StoredRecord:
        return StoredRecord(
            id=RecordId(self.record_id),
            tenant_id=tenant_id,
            position=self.position,
            body=self.body,
            created_at=self.created_at,
            turn_id=None if self.turn_id is None else TurnId(self.turn_id),
            nonce=self.nonce,
            sealed=self.seal is not None,
        )

    def receipt(self, tenant_id: TenantId) -> Receipt | None:
        if self.seal is None:
            return None
        seal = unpacked_seal(RecordId(self.record_id), self.position, self.seal)
        return Receipt(
            tenant_id=tenant_id,
            record_id=seal.record_id,
            position=seal.position,
            previous_hash=seal.previous_hash,
            hash=seal.hash,
            key_id=seal.key_id,
            algorithm=seal.algorithm,
            signature=seal.signature,
            body=self.body,
        )


@final
@dataclass(frozen=True, slots=True)
class PostgresRecords:
    """`Records`: read as the tenant; a record by itself is written under its tenant's lock."""

    database: Database

    async def append(self, command: AppendRecord) -> StoredRecord:
        """Store a record at the tenant's next position, once per request id."""
        named = {
            "tenant": command.tenant_id,
            "patience": PATIENCE,
            "record": command.record_id,
            "request": command.request_id,
            "digest": command.digest,
            "body": command.body,
            "nonce": command.nonce,
        }
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Appended))
            row = await (await cursor.execute(_APPEND, named, binary=True)).fetchone()
        if row is None or row.outcome == _REUSED:
            raise IdempotencyKeyReusedError(command.request_id)
        return StoredRecord(
            id=RecordId(row.record_id),
            tenant_id=command.tenant_id,
            position=row.record_position,
            body=row.body,
            created_at=row.created_at,
            nonce=row.nonce,
            sealed=row.sealed,
        )

    async def record(self, tenant_id: TenantId, record_id: RecordId) -> StoredRecord:
        return (await self._row(tenant_id, record_id)).record(tenant_id)

    async def records(
        self, tenant_id: TenantId, *, after: int, limit: int
    ) -> Sequence[StoredRecord]:
        """In order of position, above `after`."""
        asked = (
            _RECORDS.where(records.c.tenant_id == tenant_id, records.c.position > after)
            .order_by(records.c.position)
            .limit(limit)
        )
        return [row.record(tenant_id) for row in await self._rows(tenant_id, asked)]

    async def receipt(self, tenant_id: TenantId, record_id: RecordId) -> Receipt | None:
        """The record with its seal; None while it has none."""
        return (await self._row(tenant_id, record_id)).receipt(tenant_id)

    async def _row(self, tenant_id: TenantId, record_id: RecordId) -> _Row:
        rows = await self._rows(
            tenant_id,
            _RECORDS.where(records.c.tenant_id == tenant_id, records.c.record_id == record_id),
        )
        if not rows:
            raise RecordNotFoundError(str(record_id))
        return rows[0]

    async def _rows(
        self, tenant_id: TenantId, asked: "sa.Select[*tuple[object, ...]]"
    ) -> Sequence[_Row]:
        async with self.database.tenant(tenant_id) as connection:
            found = (await connection.execute(asked)).mappings().all()
        return [_Row(**dict(row)) for row in found]


_APPEND: Final[LiteralString] = (
    "select * from append_record(lock_tenants(array[%(tenant)s]::uuid[], %(patience)s),"
    " %(tenant)s, %(record)s, %(request)s, %(digest)s, %(body)s, %(nonce)s)"
)
_RECORDS: Final = sa.select(
    records.c.record_id,
    records.c.turn_id,
    records.c.position,
    records.c.body,
    records.c.nonce,
    records.c.seal,
    records.c.created_at,
)
