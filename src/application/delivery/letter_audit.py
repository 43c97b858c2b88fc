"""The fact that somebody did something with a dead letter."""

from dataclasses import dataclass
from datetime import datetime
from typing import final

from application.kernel.ports import DurableClock, IdentifierSource
from domain.delivery.dead_letter import DeadLetter
from domain.kernel.events import AuditRecorded
from domain.kernel.identifiers import EventId


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Who does what with a letter, and when: `action` is the permission that it takes."""

    actor: str
    action: str
    at: datetime


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LetterAudit:
    """Tells of deeds; a tenant's are in the order in which they were committed."""

    clock: DurableClock
    identifiers: IdentifierSource

    async def deed(self, actor: str, action: str) -> Deed:
        """A deed of now: a letter that it settles is kept for so long from then."""
        return Deed(actor=actor, action=action, at=await self.clock.now())

    def of(self, letter: DeadLetter, deed: Deed, reason: str = "") -> AuditRecorded:
        """The fact; `reason` says why it came to nothing."""
        return AuditRecorded(
            id=EventId(self.identifiers.next()),
            tenant_id=letter.tenant_id,
            key=letter.tenant_id,
            occurred_at=deed.at,
            action=deed.action,
            subject=deed.actor,
            resource=f"tenants/{letter.tenant}/deadLetters/{letter.id}",
            reason=reason,
        )
