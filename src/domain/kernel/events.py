"""The shape of a fact that others are told of."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.kernel.identifiers import EventId, TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainEvent:
    """Something that happened to a tenant and cannot be undone.

    `key` is what owns the fact (a session, else the tenant): facts of one key are published in the
    order in which they were committed.
    """

    id: EventId
    tenant_id: TenantId
    key: UUID
    occurred_at: datetime
