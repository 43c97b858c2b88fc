"""The facts about calls."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypedDict, final
from uuid import UUID

from application.kernel.ports import Clock, IdentifierSource
from domain.budget.account import Use
from domain.budget.events import UsageLine, UsageRecorded
from domain.kernel.identifiers import EventId, InvocationId, SessionId, TenantId, TurnId
from domain.kernel.metering import PRICE_VERSION, Metric
from domain.tools.events import ApprovalDecided, ApprovalRequested, ToolInvoked
from domain.tools.invocation import Invocation, InvocationState

COST: Final = Use(Metric.TOOL_CALLS, 1, PRICE_VERSION)
"""What every call that was started uses, however it ends."""


class _FactHeader(TypedDict):
    id: EventId
    tenant_id: TenantId
    key: UUID
    occurred_at: datetime
    tenant: str
    session_id: SessionId | None
    turn_id: TurnId | None


class _CallHeader(_FactHeader):
    invocation_id: InvocationId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """A call of a turn is keyed by its session; the session of one by itself does not own it."""

    clock: Clock
    identifiers: IdentifierSource

    def requested(self, call: Invocation, expires_at: datetime) -> ApprovalRequested:
        return ApprovalRequested(**self._of(call), tool=call.tool, expires_at=expires_at)

    def decided(
        self, call: Invocation, state: InvocationState, decider: str = ""
    ) -> ApprovalDecided:
        return ApprovalDecided(**self._of(call), state=state, decider=decider)

    def invoked(self, call: Invocation, state: InvocationState) -> ToolInvoked:
        return ToolInvoked(**self._of(call), tool=call.tool, state=state)

    def used(self, call: Invocation) -> UsageRecorded:
        """What is billed for a call by itself; one of a turn is billed with it."""
        lines = (UsageLine.of(COST),)
        return UsageRecorded(**self._of(call), subject=call.requested_by, lines=lines)

    def _of(self, call: Invocation) -> _CallHeader:
        return _CallHeader(**self._header(call), invocation_id=call.id)

    def _header(self, call: Invocation) -> _FactHeader:
        session = None if call.turn_id is None else call.session_id
        return _FactHeader(
            id=EventId(self.identifiers.next()),
            tenant_id=call.tenant_id,
            key=session or call.tenant_id,
            occurred_at=self.clock.now(),
            tenant=call.tenant,
            session_id=session,
            turn_id=None if session is None else call.turn_id,
        )
