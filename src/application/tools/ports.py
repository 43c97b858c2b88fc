"""What the tools use cases need from the outside world."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.budget.account import Use
from domain.budget.events import UsageRecorded
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import InvocationId, ReservationId, SessionId, StartId, TenantId
from domain.kernel.principal import Principal
from domain.tools.invocation import Invocation, InvocationState, Resolution
from domain.tools.tool import Tool
from domain.tools.tool_status import ToolStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolContext:
    """For whom a tool runs, for at most so many seconds."""

    principal: Principal
    session_id: SessionId | None
    invocation_id: InvocationId
    seconds: float

    @property
    def idempotency_key(self) -> str:
        """What an idempotent tool knows the call by: the same however often it is made."""
        return str(self.invocation_id)


class ToolRunner(Protocol):
    """The tools of one source. Arguments were checked against the schema before."""

    def tools(self) -> Sequence[Tool]: ...

    async def run(self, tool: str, arguments: str, context: ToolContext) -> str:
        """Run the tool; the answer is text for the model, JSON where it has structure.

        Raises:
            ToolFailedError: The tool ran and failed; nothing took effect.
            ToolOutcomeUnknownError: It may have taken effect.
        """
        ...

    async def status(self, tool: str, context: ToolContext) -> ToolStatus:
        """Ask what became of the call with this key; UNKNOWN of a tool that is not `askable`.

        Raises:
            ToolFailedError: It cannot be asked now.
        """
        ...


class ArgumentChecker(Protocol):
    def check(self, tool: Tool, arguments: str) -> None:
        """Check JSON text against the tool's schema.

        Raises:
            ToolArgumentsInvalidError: With every violation, in words a model can act on.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an invocation with an effect ended: SUCCEEDED, FAILED or UNKNOWN.

    Of a call by itself it is published with its `outgoing` facts; `uses` settle what was reserved
    for it, and `usage` is published where they did: ledger and facts agree.
    """

    tenant_id: TenantId
    invocation_id: InvocationId
    fence: int
    state: InvocationState
    result: str = ""
    reason: str = ""
    outgoing: tuple[DomainEvent, ...] = ()
    uses: tuple[Use, ...] = ()
    usage: UsageRecorded | None = None


@dataclass(frozen=True, slots=True)
class LostCall:
    """A call by itself that is this server's now, under a new fence."""

    invocation: Invocation
    fence: int


class EffectJournal(Protocol):
    """Invocations with effects: written before they start and when they end."""

    async def begin(
        self,
        invocation: Invocation,
        request_id: str,
        digest: bytes,
        *,
        reservation_id: ReservationId | None = None,
        event: DomainEvent | None = None,
    ) -> Invocation:
        """Write a call made by a client itself, once per request id; the stored one is answered.

        One that starts now has a lease. `event` is published when the call is written.

        Raises:
            IdempotencyKeyReusedError: The request id is known with another digest.
            RequestExpiredError: It is not known, and what was reserved for the call is settled: the
                call was made, and its request id is forgotten.
        """
        ...

    async def start(
        self,
        tenant_id: TenantId,
        invocation_id: InvocationId,
        start_id: StartId,
        reservation_id: ReservationId | None = None,
    ) -> Invocation:
        """Start a call by itself that was approved, with a lease. Whoever is answered runs it.

        The same `start_id` again is answered as before while nobody has taken the call over.

        Raises:
            InvocationNotFoundError: No such invocation of this tenant, or it is a turn's.
            InvocationAlreadyDecidedError: It is not PERMITTED: somebody else has started it.
            ApprovalExpiredError: It is PERMITTED, and its time is over.
        """
        ...

    async def finish(self, outcome: Outcome) -> Invocation:
        """Write how a started call ended. The same outcome again changes nothing.

        `fence` is the turn's, for a call of a turn; a call by itself carries 0 until another server
        takes it over.

        Raises:
            InvocationNotFoundError: No such invocation of this tenant.
            InvocationAlreadyDecidedError: It ended otherwise before, or was never started.
            StaleFenceError: The turn, or the call by itself, belongs to another server now.
        """
        ...

    async def renew(self, tenant_id: TenantId, invocation_id: InvocationId, fence: int) -> bool:
        """Renew the lease of a call by itself; False when it is not this server's any more."""
        ...

    async def take_over(
        self, limit: int, here: Collection[InvocationId] = ()
    ) -> Sequence[LostCall]:
        """Take calls by themselves, of all tenants, whose lease has run out, under a new fence.

        Those that run `here`, where it is asked, are left alone. A call of a turn is left to
        whoever takes the turn over.
        """
        ...

    async def stalled(self, limit: int) -> Sequence[Invocation]:
        """Calls by themselves, of all tenants, that waited for a person and were left by everybody.

        Those whose time is over while they are PENDING_APPROVAL, and those that have been PERMITTED
        for a lease: whoever approved them was lost, or could not start them. Each tenant has one
        before any has two.
        """
        ...

    async def expire(self, call: Invocation, event: DomainEvent) -> bool:
        """Write that the time of a call by itself is over; False where this did not.

        One that waited is EXPIRED, one that was approved and not started DENIED. `event` is
        published with it; neither is done where the call's state is another by now.
        """
        ...

    async def deny(self, call: Invocation, reason: str, event: DomainEvent) -> Invocation:
        """Write that a call by itself that was approved may not start; the call as it is then.

        `event` is published with it; neither is done where the call is not PERMITTED any more.

        Raises:
            InvocationNotFoundError: No such invocation of this tenant, or it is a turn's.
        """
        ...

    async def resolve(
        self,
        tenant_id: TenantId,
        invocation_id: InvocationId,
        found: Resolution,
        events: Sequence[DomainEvent],
    ) -> Invocation:
        """Write how an UNKNOWN call had ended; the same finding again changes nothing.

        `events` are published with it, and not again when it is told again.

        Raises:
            InvocationNotFoundError: No such invocation of this tenant.
            InvocationAlreadyDecidedError: It is not UNKNOWN, or was resolved otherwise.
        """
        ...

    async def decide(
        self,
        tenant_id: TenantId,
        invocation_id: InvocationId,
        *,
        approved: bool,
        by: str,
        events: Sequence[DomainEvent],
        expired: DomainEvent,
    ) -> tuple[Invocation, bool]:
        """Approve or reject a waiting call; and whether its turn waits for nothing more.

        `events` are published with the decision, and not again when the decision is told again;
        `expired` instead where the call's time is over, which is written then.

        Raises:
            InvocationNotFoundError: No such invocation of this tenant.
            InvocationAlreadyDecidedError: It was decided otherwise before, or expired.
        """
        ...


class CallObserver(Protocol):
    """Who measures calls by themselves."""

    def recovered(self, state: InvocationState) -> None:
        """A call whose server was lost has ended so at another one, and is paid for."""
        ...

    def broke(self, invocation_id: InvocationId, error: Exception) -> None:
        """A call that was left could not be gone on with, by a defect."""
        ...


class InvocationReader(Protocol):
    async def invocation(self, tenant_id: TenantId, invocation_id: InvocationId) -> Invocation:
        """Raises: InvocationNotFoundError: No such invocation of this tenant."""
        ...

    async def invocations(
        self,
        tenant_id: TenantId,
        *,
        state: InvocationState | None,
        after: InvocationId | None,
        limit: int,
    ) -> Sequence[Invocation]:
        """Newest first, older than `after`."""
        ...

    async def awaiting(
        self, tenant_id: TenantId, *, after: InvocationId | None, limit: int
    ) -> Sequence[Invocation]:
        """Those that may still be decided, oldest first, newer than `after`."""
        ...
