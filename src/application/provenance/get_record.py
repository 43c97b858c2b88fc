"""Read records of a tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from application.provenance.ports import Records
from domain.kernel.identifiers import RecordId, TenantId
from domain.provenance.record import StoredRecord


@dataclass(frozen=True, slots=True)
class GetRecordQuery:
    tenant_id: TenantId
    record_id: RecordId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GetRecord:
    records: Records

    async def __call__(self, query: GetRecordQuery) -> StoredRecord:
        """Raises: RecordNotFoundError: No such record of this tenant."""
        return await self.records.record(query.tenant_id, query.record_id)


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
