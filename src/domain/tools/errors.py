"""Refusals of the tools context."""

from domain.kernel.errors import (
    ForbiddenError,
    InvalidValueError,
    NotFoundError,
    PreconditionError,
    Resource,
    UnavailableError,
    Violation,
)


class ToolNotFoundError(NotFoundError):
    reason = "TOOL_NOT_FOUND"

    def __init__(self, tool: str, known: tuple[str, ...]) -> None:
        super().__init__(
            f"there is no tool {tool}; there are: {', '.join(known) or 'none'}", tool=tool
        )
        self.resource = Resource("tool", tool)


class ToolArgumentsInvalidError(InvalidValueError):
    """Worded so that a model can repair its call: where, what was wrong, what is asked for."""

    reason = "TOOL_ARGUMENTS_INVALID"

    def __init__(self, tool: str, violations: tuple[Violation, ...]) -> None:
        listed = "; ".join(f"{one.field}: {one.description}" for one in violations)
        super().__init__(f"the arguments of {tool} do not fit its schema: {listed}", tool=tool)
        self.violations = violations


class ToolFailedError(UnavailableError):
    """The tool ran and says that it could not do what was asked."""

    reason = "TOOL_FAILED"

    def __init__(self, tool: str, cause: str) -> None:
        super().__init__(f"{tool} failed: {cause}", tool=tool)


class ToolOutcomeUnknownError(UnavailableError):
    """The tool was started and nobody knows whether it took effect."""

    reason = "TOOL_OUTCOME_UNKNOWN"

    def __init__(self, tool: str) -> None:
        super().__init__(
            f"{tool} was started and its outcome is not known; it may have taken effect", tool=tool
        )


class ToolNotExecutedError(UnavailableError):
    """The server that made the call was lost, and the tool says that it did nothing."""

    reason = "TOOL_NOT_EXECUTED"

    def __init__(self, tool: str) -> None:
        super().__init__(f"{tool} was not run: nothing was done, and nothing will be", tool=tool)


class ToolEgressDeniedError(ForbiddenError):
    """The capsule lets nothing out, and the tool is somewhere else."""

    reason = "TOOL_EGRESS_DENIED"

    def __init__(self, tool: str, host: str) -> None:
        super().__init__(
            f"{tool} sends its arguments to {host}, and the capsule's egress is none", tool=tool
        )


class InvocationNotFoundError(NotFoundError):
    reason = "INVOCATION_NOT_FOUND"

    def __init__(self, invocation: str) -> None:
        super().__init__(f"there is no invocation {invocation}", invocation=invocation)
        self.resource = Resource("invocation", invocation)


class InvocationAlreadyDecidedError(PreconditionError):
    reason = "INVOCATION_ALREADY_DECIDED"

    def __init__(self, invocation: str, state: str) -> None:
        super().__init__(
            f"the invocation was decided before: {state}", invocation=invocation, state=state
        )


class ApprovalExpiredError(PreconditionError):
    """Nobody decided in time, or what was approved could not be started in it."""

    reason = "APPROVAL_EXPIRED"

    def __init__(self, invocation: str) -> None:
        super().__init__(
            "the time to approve and start the invocation is over", invocation=invocation
        )
