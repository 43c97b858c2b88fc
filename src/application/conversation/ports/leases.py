"""Who drives which turn, and what is written while it runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from application.conversation.ports.reading import UnreadableError
from domain.conversation.turn import Turn
from domain.conversation.turn_event import TurnEvent
from domain.kernel.identifiers import TenantId, TurnId


@dataclass(frozen=True, slots=True)
class EventBatch:
    tenant_id: TenantId
    turn_id: TurnId
    fence: int
    events: tuple[TurnEvent, ...]


@dataclass(frozen=True, slots=True)
class Renewal:
    tenant_id: TenantId
    turn_id: TurnId
    fence: int
    ceiling: int


@dataclass(frozen=True, slots=True)
class Driven:
    tenant_id: TenantId
    turn_id: TurnId
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandoned:
    """A turn whose driver was lost, taken over: its events go on above `ceiling`.

    `take_overs` counts the servers that were lost with it since it last got any further, this time
    included. Its `turn` has the fence that the take-over gave it, even if it is another server's
    by now. `seconds_left` is what is left of its time by the database's clock, 0 or less when it
    is over. Where an `error` says that the turn cannot be read, its `turn` tells names and numbers
    alone.
    """

    turn: Turn
    last_written: int
    ceiling: int
    lease_seconds: float
    take_overs: int
    seconds_left: float
    error: UnreadableError | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A turn that was found and cannot be read: `error` says why."""

    tenant_id: TenantId
    turn_id: TurnId
    error: UnreadableError


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """A turn that was promoted: what is left of its lease and of its time by the database's clock.

    The turn's fence is this server's: when it is another's by now, nothing can be done under it.
    """

    turn: Turn
    lease_seconds: float
    seconds_left: float


class TurnLeases(Protocol):
    """Who drives which turn; none of these waits for a tenant's or a turn's lock."""

    async def renew(self, renewals: Sequence[Renewal]) -> Sequence[float | None]:
        """Renew leases in one statement: seconds that remain for each, None where it was lost.

        The fence alone says whose a turn is: no fence is ever handed to a second server.

        A turn whose row was locked elsewhere answers 0.0: ask again soon.
        """
        ...

    async def append(self, batches: Sequence[EventBatch]) -> Sequence[bool | None]:
        """Write events of running turns: True, None where the lease was lost, False: again."""
        ...

    async def hand_back(self, turns: Sequence[Driven]) -> None:
        """Let leases run out now: other servers take the turns over, and no server counts as lost.

        Turns that are another server's by now stay as they are.
        """
        ...

    async def take_over(self, limit: int) -> Sequence[Abandoned]:
        """Take expired turns of all tenants: fence + 1 and a lease for this server.

        One that was promoted and that nobody has driven yet is not among the answers while its
        deadline is to come and no more than `MOST_TAKE_OVERS` servers were lost with it: `promoted`
        of this server has it then.
        """
        ...

    async def promoted(self, limit: int) -> Sequence[Promoted]:
        """Turns of this server that were promoted from a queue and that nobody drives yet.

        One that cannot be read is left out; `take_over` tells of it when its time is over.
        """
        ...

    async def decided(self, limit: int) -> Sequence[Turn | Unread]:
        """Paused turns of all tenants none of whose calls waits any more.

        Any server goes on with one whose decider was lost, or whose calls were not decided in time.
        """
        ...
