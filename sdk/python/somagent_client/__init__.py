"""The asyncio client of SomaGent: `async with SomaAgent(…) as client`."""

from somagent_client.client import SomaAgent
from somagent_client.errors import (
    AlreadyExistsError,
    BrokenContractError,
    ConflictError,
    DeadlineExceededError,
    ExhaustedError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    OutOfRangeError,
    PermissionDeniedError,
    RefusedError,
    SomaAgentError,
    TurnCancelledError,
    TurnError,
    TurnFailedError,
    TurnPausedError,
    UnauthenticatedError,
    UnavailableError,
)
from somagent_client.event import Answer, Event
from somagent_client.retrying import RetryPolicy
from somagent_client.servers import Transport
from somagent_client.session import Session
from somagent_client.turn import Turn

__all__ = [
    "AlreadyExistsError",
    "Answer",
    "BrokenContractError",
    "ConflictError",
    "DeadlineExceededError",
    "Event",
    "ExhaustedError",
    "FailedPreconditionError",
    "InvalidArgumentError",
    "NotFoundError",
    "OutOfRangeError",
    "PermissionDeniedError",
    "RefusedError",
    "RetryPolicy",
    "Session",
    "SomaAgent",
    "SomaAgentError",
    "Transport",
    "Turn",
    "TurnCancelledError",
    "TurnError",
    "TurnFailedError",
    "TurnPausedError",
    "UnauthenticatedError",
    "UnavailableError",
]
