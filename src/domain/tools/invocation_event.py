"""What a client of one tool call is shown, numbered from 1 without gaps."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from domain.tools.invocation import Invocation, InvocationState

CALL_TIME: Final = timedelta(seconds=30)
"""The longest a tool may run."""

ENDED: Final = frozenset(
    {
        InvocationState.SUCCEEDED,
        InvocationState.FAILED,
        InvocationState.UNKNOWN,
        InvocationState.DENIED,
        InvocationState.REJECTED,
        InvocationState.EXPIRED,
    }
)


@dataclass(frozen=True, slots=True)
class CallAccepted:
    pass


@dataclass(frozen=True, slots=True)
class CallAwaitsApproval:
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CallStarted:
    """The tool is stopped at `deadline` at the latest."""

    deadline: datetime


@dataclass(frozen=True, slots=True)
class CallEnded:
    pass


InvocationEventBody = CallAccepted | CallAwaitsApproval | CallStarted | CallEnded


@dataclass(frozen=True, slots=True)
class InvocationEvent:
    """One event, with the call as it was when the event was read."""

    sequence: int
    at: datetime
    body: InvocationEventBody
    invocation: Invocation


def events_of(invocation: Invocation, now: datetime) -> tuple[InvocationEvent, ...]:
    """Everything that has happened to a call so far, the same whenever and wherever it is read."""
    accepted_at = invocation.created_at or now
    happened: list[tuple[datetime, InvocationEventBody]] = [(accepted_at, CallAccepted())]
    if invocation.expires_at is not None:
        happened.append((accepted_at, CallAwaitsApproval(invocation.expires_at)))
    if _was_started(invocation):
        began = invocation.decided_at or accepted_at
        happened.append((began, CallStarted(began + CALL_TIME)))
    if invocation.state in ENDED:
        ended_at = invocation.finished_at or invocation.decided_at or invocation.expires_at
        happened.append((ended_at or now, CallEnded()))
    return tuple(
        InvocationEvent(sequence, at, body, invocation)
        for sequence, (at, body) in enumerate(happened, 1)
    )


def _was_started(invocation: Invocation) -> bool:
    return invocation.state in {
        InvocationState.STARTED,
        InvocationState.SUCCEEDED,
        InvocationState.FAILED,
        InvocationState.UNKNOWN,
    }
