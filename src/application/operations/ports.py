"""What the operations use cases need from the outside world."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.kernel.identifiers import ServerId, SessionId, TenantId, TurnId


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckTurn:
    """A running turn past its deadline, or past its lease: no server is known to drive it.

    `tenant` is the slug; `owner` the server that drove it last, `fence` the number its writes bore.
    """

    tenant_id: TenantId
    tenant: str
    session_id: SessionId
    turn_id: TurnId
    owner: ServerId
    fence: int
    accepted_at: datetime
    deadline_at: datetime
    lease_until: datetime


class Storage(Protocol):
    async def tend(self) -> None:
        """Make room for the time to come, and drop what was kept long enough. Daily, or oftener."""
        ...


class StuckTurns(Protocol):
    async def stuck(self, after: TurnId | None, limit: int) -> Sequence[StuckTurn]:
        """Those of all tenants, oldest first, later than `after`, by the database's time."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PartCondition:
    """One part that the service leans on; `problem` is empty where it is well."""

    name: str
    kind: str
    version: str
    latency_seconds: float
    problem: str


class Parts(Protocol):
    async def conditions(self) -> Sequence[PartCondition]:
        """Ask every part how it is, side by side, each at most for a second."""
        ...
