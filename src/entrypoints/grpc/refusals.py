"""Refusals that belong to the wire alone: the domain never hears of them."""

from domain.kernel.errors import InvalidValueError, UnavailableError, Violation

INTERNAL = "INTERNAL"
"""The reason of a defect: what is not a refusal is told as this, and nothing else of it."""


class OverloadedError(UnavailableError):
    reason = "OVERLOADED"

    def __init__(self) -> None:
        super().__init__("this server has as many calls in flight as it takes; try again")
        self.retry_after_seconds = 1.0


class ShuttingDownError(UnavailableError):
    reason = "SHUTTING_DOWN"

    def __init__(self) -> None:
        super().__init__("this server is shutting down and began nothing; try again")
        self.retry_after_seconds = 0.1


class RequestInvalidError(InvalidValueError):
    """The request does not have the shape that the contract asks for."""

    reason = "INVALID_ARGUMENT"

    def __init__(self, *violations: Violation) -> None:
        listed = "; ".join(f"{one.field or 'request'}: {one.description}" for one in violations)
        super().__init__(listed)
        self.violations = violations


class MessageTooLargeError(InvalidValueError):
    reason = "MESSAGE_TOO_LARGE"

    def __init__(self, *violations: Violation) -> None:
        super().__init__("the message is longer than the contract allows; send less of it")
        self.violations = violations


class PageTokenInvalidError(InvalidValueError):
    reason = "INVALID_PAGE_TOKEN"

    def __init__(self) -> None:
        message = "this is not a page token of this list, or the list's other fields have changed"
        super().__init__(message)
        self.violations = (Violation("page_token", message),)
