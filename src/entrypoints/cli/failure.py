"""How a command ends when it does not succeed: what failed, what to do, and the exit code."""

from collections.abc import Mapping
from enum import IntEnum


class ExitCode(IntEnum):
    """What a script may rely on; docs/operations.md lists them."""

    DONE = 0
    FAILED = 1
    """Something failed on this side: a file, a start, a step."""
    USAGE = 2
    """The command line cannot be understood."""
    REFUSED = 3
    """The server refused, with a reason."""
    UNREACHABLE = 4
    """No server answers, or not in time."""
    FOUND_WRONG = 5
    """The check was made, and what was checked does not hold."""
    NOT_ANSWERED = 6
    """The turn failed, was cancelled, or waits for a person."""
    INTERRUPTED = 130


class CommandFailedError(Exception):
    """Ends a command. `reason` is the API's where the server said one, `advice` what to do."""

    def __init__(
        self,
        what: str,
        advice: str = "",
        *,
        code: ExitCode = ExitCode.FAILED,
        reason: str = "",
        facts: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice
        self.code = code
        self.reason = reason
        self.facts = dict(facts or {})
