"""What a tool answers when it is asked what became of a call."""

from dataclasses import dataclass
from enum import Enum


class CallFate(Enum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    NOT_EXECUTED = "not_executed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ToolStatus:
    """The fate of one idempotency key.

    NOT_EXECUTED is a promise: nothing was done under the key, and nothing will be. `result` is what
    the tool would have answered, where the call SUCCEEDED.
    """

    fate: CallFate
    result: str = ""
