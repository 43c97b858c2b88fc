"""What tells others of tokens that a settlement of a turn has booked."""

from dataclasses import replace

from domain.budget.events import UsageLine, UsageRecorded
from domain.kernel.identifiers import EventId, TurnId
from domain.kernel.metering import Metric
from tests.contract.commands import Commands
from tests.fakes import NOON


def used_alone(ask: Commands, amount: int) -> UsageRecorded:
    """Of no turn."""
    return replace(
        used(ask, TurnId(ask.identifiers.next()), amount),
        key=ask.tenant_id,
        session_id=None,
        turn_id=None,
    )


def used(ask: Commands, turn_id: TurnId, amount: int) -> UsageRecorded:
    return UsageRecorded(
        id=EventId(ask.identifiers.next()),
        tenant_id=ask.tenant_id,
        key=ask.session_id,
        occurred_at=NOON,
        tenant="acme",
        session_id=ask.session_id,
        turn_id=turn_id,
        subject="ada",
        lines=(UsageLine(Metric.TOKENS, amount, 1, 4),),
    )
