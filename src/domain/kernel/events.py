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


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecorded(DomainEvent):
    """Somebody did something that must be accounted for, or was refused it.

    `action` is a permission or a deed, `subject` who did it, `resource` what it was done to, by its
    name on the wire. `reason` says why it was refused; empty where it was allowed.
    """

    action: str
    subject: str
    resource: str
    reason: str = ""
