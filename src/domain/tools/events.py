"""Facts that the tools context publishes."""

from dataclasses import dataclass
from datetime import datetime

from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import InvocationId, SessionId, TurnId
from domain.tools.invocation import InvocationState


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalFact(DomainEvent):
    """A fact about a call that waits for a person.

    The key is the session of its turn, else, for a call by itself, the tenant; both ids are None
    then.
    """

    tenant: str
    invocation_id: InvocationId
    session_id: SessionId | None
    turn_id: TurnId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequested(ApprovalFact):
    tool: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDecided(ApprovalFact):
    """`state` is PERMITTED or REJECTED, `decider` the subject of whoever decided."""

    state: InvocationState
    decider: str
