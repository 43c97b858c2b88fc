"""What all facts about a turn have in common, and the fact of what was used."""

from collections.abc import Callable
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from application.conversation.holds import turn_uses
from domain.budget.events import UsageLine, UsageRecorded
from domain.conversation.turn import Usage
from domain.kernel.identifiers import EventId, SessionId, TenantId, TurnId


class FactHeader(TypedDict):
    """An event's own identifier, whose it is, and which turn it is about."""

    id: EventId
    tenant_id: TenantId
    key: UUID
    occurred_at: datetime
    tenant: str
    session_id: SessionId
    turn_id: TurnId


def usage_recorded(
    header: Callable[[], FactHeader], subject: str, due: Usage
) -> tuple[UsageRecorded, ...]:
    """The ledger lines of one settlement, as they are billed; nothing where nothing was used."""
    lines = tuple(UsageLine.of(use) for use in turn_uses(due))
    return (UsageRecorded(**header(), subject=subject, lines=lines),) if lines else ()
