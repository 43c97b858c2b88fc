"""The fact that somebody did what must be accounted for."""

from dataclasses import dataclass
from typing import final

from application.kernel.ports import Clock, IdentifierSource
from domain.kernel.events import AuditRecorded
from domain.kernel.identifiers import EventId, TenantId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Facts of a tenant's own key: they are published in the order in which they were committed."""

    clock: Clock
    identifiers: IdentifierSource

    def of(self, tenant_id: TenantId, action: str, subject: str, resource: str) -> AuditRecorded:
        """Somebody did something to a resource, which is named as on the wire."""
        return AuditRecorded(
            id=EventId(self.identifiers.next()),
            tenant_id=tenant_id,
            key=tenant_id,
            occurred_at=self.clock.now(),
            action=action,
            subject=subject,
            resource=resource,
        )
