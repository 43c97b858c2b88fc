"""The kinds of refusal that every bounded context may name."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Violation:
    """One field of a request that cannot be accepted, and why."""

    field: str
    description: str


@dataclass(frozen=True, slots=True)
class Resource:
    """Something a refusal is about: its kind, and its name on the wire."""

    kind: str
    name: str


class DomainError(Exception):
    """A refusal that belongs to the language of the domain.

    `reason` is the machine-readable name, `facts` what a caller needs to act on it. Neither may
    hold a secret or personal data: both go to the wire, to logs and into records.
    """

    reason: ClassVar[str]

    def __init__(self, message: str, **facts: str) -> None:
        super().__init__(message)
        self.facts = facts
        self.violations: tuple[Violation, ...] = ()
        self.resource: Resource | None = None
        self.retry_after_seconds: float | None = None


class InvalidValueError(DomainError):
    """The value can never be accepted."""


class OutOfRangeError(DomainError):
    """The value lies beyond what exists now."""


class UnauthenticatedError(DomainError):
    """Who calls is not known."""


class ForbiddenError(DomainError):
    """Who calls may not do this."""


class NotFoundError(DomainError):
    """The caller named something that does not exist, or that it may not know of."""


class AlreadyExistsError(DomainError):
    """What was to be made is there already, with other content."""


class PreconditionError(DomainError):
    """The state of things does not allow it; waiting alone does not help."""


class ConflictError(DomainError):
    """The thing changed underneath the caller; read again and retry."""


class ExhaustedError(DomainError):
    """A limit leaves no room for the request."""


class UnavailableError(DomainError):
    """A part of the service is not there now; the same request may succeed later."""


class DeadlineExceededError(DomainError):
    """The time that the caller gave is over."""


class InvalidArgumentError(InvalidValueError):
    reason = "INVALID_ARGUMENT"

    def __init__(self, field: str, description: str) -> None:
        super().__init__(f"{field}: {description}", field=field)
        self.violations = (Violation(field, description),)


class RequestExpiredError(PreconditionError):
    """Nobody can tell any more whether it was done: to do it could be to do it twice."""

    reason = "REQUEST_EXPIRED"

    def __init__(self, request_id: str) -> None:
        super().__init__(
            "the request id may have been used and be forgotten since: ask under a new one",
            request_id=request_id,
        )


class IdempotencyKeyReusedError(AlreadyExistsError):
    reason = "IDEMPOTENCY_KEY_REUSED"

    def __init__(self, request_id: str) -> None:
        super().__init__(
            "this request_id was used with other content; choose a new one", request_id=request_id
        )


class EtagMismatchError(ConflictError):
    reason = "ETAG_MISMATCH"

    def __init__(self, name: str) -> None:
        super().__init__("the resource changed since it was read", name=name)


class StorageUnavailableError(UnavailableError):
    reason = "DATABASE_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__("the database does not answer; nothing was changed or it is not known")
        self.retry_after_seconds = 1.0
