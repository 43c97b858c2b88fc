"""What tells others of what a settlement has booked."""

from dataclasses import replace

from domain.budget.account import Use
from domain.budget.events import UsageLine, UsageRecorded
from domain.kernel.identifiers import EventId, InvocationId, ReservationId, TurnId
from domain.kernel.metering import Metric
from tests.contract.commands import Commands, tokens
from tests.fakes import NOON


def used_alone(ask: Commands, reservation_id: ReservationId, amount: int) -> UsageRecorded:
    """Tokens of a reservation by itself."""
    return replace(_used(ask, tokens(amount)), reservation_id=reservation_id)


def used_by_call(ask: Commands, call_id: InvocationId) -> UsageRecorded:
    """A tool call by itself."""
    return replace(_used(ask, Use(Metric.TOOL_CALLS, 1, 1)), invocation_id=call_id)


def used(ask: Commands, turn_id: TurnId, amount: int) -> UsageRecorded:
    """Tokens of a turn."""
    recorded = _used(ask, tokens(amount))
    return replace(recorded, key=ask.session_id, session_id=ask.session_id, turn_id=turn_id)


def _used(ask: Commands, use: Use) -> UsageRecorded:
    return UsageRecorded(
        id=EventId(ask.identifiers.next()),
        tenant_id=ask.tenant_id,
        key=ask.tenant_id,
        occurred_at=NOON,
        tenant="acme",
        session_id=None,
        turn_id=None,
        subject="ada",
        lines=(UsageLine(use.metric, use.amount, use.price_version, 4),),
    )
