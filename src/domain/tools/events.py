"""Facts that the tools context publishes."""

from dataclasses import dataclass
from datetime import datetime

from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import InvocationId, SessionId, TurnId
from domain.tools.invocation import InvocationState


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFact(DomainEvent):
    """A fact about one call.

    The key is the session of its turn, else, for a call by itself, the tenant; both ids are None
    then.
    """

    tenant: str
    invocation_id: InvocationId
    session_id: SessionId | None
    turn_id: TurnId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequested(CallFact):
    tool: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDecided(CallFact):
    """`state` is PERMITTED, REJECTED or EXPIRED, `decider` the subject of who decided, if any."""

    state: InvocationState
    decider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolInvoked(CallFact):
    """A call ended, or a person found out how an UNKNOWN one had ended."""

    tool: str
    state: InvocationState
