"""How long a message that was not taken is tried again, by what stood in its way."""

from datetime import timedelta
from typing import Final

from domain.delivery.retry import RETRY_RULES, RetryRule, Trouble
from domain.kernel.errors import (
    ConflictError,
    DeadlineExceededError,
    DomainError,
    ExhaustedError,
    StorageUnavailableError,
    UnavailableError,
)

PASSING: Final = (UnavailableError, ExhaustedError, ConflictError, DeadlineExceededError)
"""Kinds of refusal that may pass by waiting: load, limits, a session at work, lost races."""

AT_WORK: Final = frozenset({"SESSION_BUSY", "RATE_EXCEEDED"})
"""Reasons that pass surely: a session's open turn ends, a tenant's rate has room again."""

OF_THE_PROCESS: Final = frozenset({"OVERLOADED", "SHUTTING_DOWN"})
"""Reasons that say something of this server, and nothing of the message."""

AT_WORK_RULE: Final = RetryRule(
    tries=48, first=timedelta(milliseconds=500), cap=timedelta(seconds=15)
)
"""Long enough for any turn to end."""

AT_ONCE: Final = RetryRule(tries=1, first=timedelta(0), cap=timedelta(0))


def patience_for(error: Exception) -> RetryRule:
    """The rule by which a message that met this error is tried again.

    What says nothing of the message is waited for without end. What
    may pass by waiting is tried for a while, a defect too. Everything else is refused for good.
    """
    if is_away(error):
        return RETRY_RULES[Trouble.AWAY]
    match error:
        case DomainError() if error.reason in AT_WORK:
            return AT_WORK_RULE
        case DomainError() if not isinstance(error, PASSING):
            return AT_ONCE
        case _:
            return RETRY_RULES[Trouble.FAILED]


def is_away(error: Exception) -> bool:
    """Whether what stood in the way stands in the way of every message here."""
    if isinstance(error, StorageUnavailableError):
        return True
    return isinstance(error, DomainError) and error.reason in OF_THE_PROCESS
