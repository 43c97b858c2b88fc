"""Read records of a tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from application.provenance.ports import Records
from domain.kernel.identifiers import RecordId, TenantId, TurnId
from domain.provenance.record import StoredRecord


@dataclass(frozen=True, slots=True)
class GetRecordQuery:
    tenant_id: TenantId
    record_id: RecordId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GetRecord:
    """One record, by its own identifier or by its turn's."""

    records: Records

    async def __call__(self, query: GetRecordQuery) -> StoredRecord:
        """Raises: RecordNotFoundError: No such record of this tenant."""
        return await self.records.record(query.tenant_id, query.record_id)

    async def of_turn(self, tenant_id: TenantId, turn_id: TurnId) -> StoredRecord:
        """Raises: RecordNotFoundError: No such turn of this tenant, or it has not ended."""
        return await self.records.record_of_turn(tenant_id, turn_id)


@dataclass(frozen=True, slots=True)
class ListRecordsQuery:
    """Records above a position; the cursor of the next page is the last one's position."""

    tenant_id: TenantId
    after: int = 0
    limit: int = 50


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ListRecords:
    """Records in the order of their chain."""

    records: Records

    async def __call__(self, query: ListRecordsQuery) -> Sequence[StoredRecord]:
        return await self.records.records(query.tenant_id, after=query.after, limit=query.limit)
