"""What the operations use cases need from the outside world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from domain.kernel.identifiers import ServerId, SessionId, TenantId, TurnId
from domain.kernel.metering import Metric
from domain.operations.finding import Finding, FindingKind, Look, Scope


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
    async def tend(self) -> int:
        """Make room for the time to come, and drop what was kept long enough. Daily, or oftener.

        How many rows, or parts of tables, were made and dropped.
        """
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """After how long something that is still open, unpublished or unsealed is a finding."""

    lease: timedelta = timedelta(seconds=30)
    open: timedelta = timedelta(minutes=5)
    unpublished: timedelta = timedelta(minutes=5)
    unsealed: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class BegunPass:
    """A pass that a server is at. One that is begun later, of the same scope, ends its right."""

    scope: Scope
    began_at: datetime


class Books(Protocol):
    """Everything that is kept, held against itself. Only findings and passes are ever written.

    Times are the database's; each look sees one moment. Whoever begins a pass has it for a lease;
    what is written for one that is another server's by now is refused, with False.
    """

    async def begin(self, scope: Scope, every: timedelta) -> BegunPass | None:
        """Begin a pass, unless another server is at one or the last was less than `every` ago."""
        ...

    async def renew(self, begun: BegunPass) -> bool:
        """Have the pass for another lease."""
        ...

    async def tenants(self, after: TenantId | None, limit: int) -> Sequence[TenantId]: ...

    async def overdue(self, bounds: Bounds, limit: int) -> Sequence[Finding]:
        """What of all tenants is open, unpublished or unsealed for too long; so many of a kind."""
        ...

    async def check(
        self, tenant_id: TenantId, look: Look, since: timedelta | None
    ) -> Sequence[Finding]:
        """What of a tenant does not agree: of what was accepted since, None for all that is kept.

        What is held is looked at in any case, what is spent only where everything is.

        Raises:
            StorageUnavailableError: It takes too long, or nothing answers.
        """
        ...

    async def repair_held(self, tenant_id: TenantId) -> bool:
        """Let accounts hold nothing, under the tenant's lock; False when anything is open."""
        ...

    async def keep(self, begun: BegunPass, findings: Sequence[Finding]) -> bool:
        """Write down what was found."""
        ...

    async def spare(self, begun: BegunPass, look: Look, tenant_id: TenantId | None) -> bool:
        """Let stay what earlier passes found: this one could not look. None: of all tenants."""
        ...

    async def end(self, begun: BegunPass) -> bool:
        """End a pass: what its scope judges and it did not see is over."""
        ...

    async def give_back(self, begun: BegunPass) -> None:
        """Leave a pass that is not at its end: it is due again, for whichever server."""
        ...


class PassObserver(Protocol):
    """Who measures reconciliations."""

    def unchecked(self, look: Look, tenant_id: TenantId | None, error: Exception) -> None:
        """A look could not be made; None: of what is overdue, of all tenants."""
        ...

    def unrenewed(self, scope: Scope, error: Exception) -> None:
        """A pass could not be renewed; it is tried again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenFinding:
    """`tenant` is the slug, empty where there is none."""

    finding: Finding
    tenant: str
    found_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """The last passes of a scope: when one began, and when one last came to its end."""

    scope: Scope
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What an alarm can be set on: figures of all tenants.

    `overrun` is what tenants used beyond their limits this month, in base units.
    """

    findings: Mapping[FindingKind, int] = field(default_factory=dict[FindingKind, int])
    overrun: Mapping[Metric, int] = field(default_factory=dict[Metric, int])
    unsealed: int = 0
    oldest_unsealed_seconds: float = 0.0


class Findings(Protocol):
    """What reconciliations have found and is not over."""

    async def page(
        self, tenant_id: TenantId | None, after: str, limit: int
    ) -> Sequence[tuple[str, SeenFinding]]:
        """Those of a tenant or of all, each with its place; in order of their places."""
        ...

    async def passes(self) -> Sequence[Pass]: ...

    async def standing(self) -> Standing: ...
