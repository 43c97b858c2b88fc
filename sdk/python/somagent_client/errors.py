"""What goes wrong, as exceptions that a caller can tell apart."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from somagent.conversation.v1.conversation_pb2 import TurnFailed

STATUS_DETAILS: Final = "grpc-status-details-bin"

D = TypeVar("D", bound=Message)


class SomaAgentError(Exception):
    """Everything that this client raises by itself."""


class BrokenContractError(SomaAgentError):
    """The server did not do what its contract says; asking again would not help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A status as it was received.

    `reason` and `metadata` are those of google.rpc.ErrorInfo: for programs. `reason` is empty
    where no SomaGent server spoke, but gRPC itself or something on the way.
    """

    code: grpc.StatusCode
    message: str
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    violations: tuple[tuple[str, str], ...] = ()
    retry_after_seconds: float | None = None


class RefusedError(SomaAgentError):
    """A call was refused by a status."""

    def __init__(self, refusal: Refusal) -> None:
        reason = f" {refusal.reason}" if refusal.reason else ""
        super().__init__(f"{refusal.code.name}{reason}: {refusal.message}")
        self.refusal = refusal

    @property
    def code(self) -> grpc.StatusCode:
        return self.refusal.code

    @property
    def reason(self) -> str:
        return self.refusal.reason

    @property
    def metadata(self) -> Mapping[str, str]:
        return self.refusal.metadata


class InvalidArgumentError(RefusedError):
    """The request does not have the shape that the contract asks for: see `violations`."""

    @property
    def violations(self) -> tuple[tuple[str, str], ...]:
        """Field and what is wrong with it."""
        return self.refusal.violations


class UnauthenticatedError(RefusedError):
    """The key is missing, unknown, expired or revoked."""


class PermissionDeniedError(RefusedError):
    """The key may not do this, or its tenant was stopped."""


class NotFoundError(RefusedError):
    """There is no such thing that the caller may see."""


class AlreadyExistsError(RefusedError):
    """The name is taken, or the request id stands for another request."""


class FailedPreconditionError(RefusedError):
    """The thing is not in the state for this."""


class ConflictError(RefusedError):
    """Somebody else was quicker: read again, then decide."""


class OutOfRangeError(RefusedError):
    """A sequence beyond the turn's last event was asked for."""


class ExhaustedError(RefusedError):
    """A budget or a rate leaves no room."""


class UnavailableError(RefusedError):
    """No server could do it for as long as the caller gave."""


class DeadlineExceededError(RefusedError):
    """It took longer than the caller gave. A turn goes on without its client."""


_KINDS: Final[Mapping[grpc.StatusCode, type[RefusedError]]] = MappingProxyType(
    {
        grpc.StatusCode.INVALID_ARGUMENT: InvalidArgumentError,
        grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
        grpc.StatusCode.PERMISSION_DENIED: PermissionDeniedError,
        grpc.StatusCode.NOT_FOUND: NotFoundError,
        grpc.StatusCode.ALREADY_EXISTS: AlreadyExistsError,
        grpc.StatusCode.FAILED_PRECONDITION: FailedPreconditionError,
        grpc.StatusCode.ABORTED: ConflictError,
        grpc.StatusCode.OUT_OF_RANGE: OutOfRangeError,
        grpc.StatusCode.RESOURCE_EXHAUSTED: ExhaustedError,
        grpc.StatusCode.UNAVAILABLE: UnavailableError,
        grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    }
)


def refused(error: grpc.aio.AioRpcError) -> RefusedError:
    """The error of a call with its details read."""
    trailers = dict(error.trailing_metadata() or ())
    packed = trailers.get(STATUS_DETAILS)
    status = _status(packed) if isinstance(packed, bytes) else Status()
    info = next(_unpacked(status, ErrorInfo), ErrorInfo())
    bad = next(_unpacked(status, BadRequest), BadRequest())
    retry = next(_unpacked(status, RetryInfo), None)
    return refusing(
        Refusal(
            code=error.code(),
            message=status.message or error.details() or "the call failed",
            reason=info.reason,
            metadata=dict(info.metadata),
            violations=tuple((one.field, one.description) for one in bad.field_violations),
            retry_after_seconds=retry.retry_delay.ToTimedelta().total_seconds() if retry else None,
        )
    )


def refusing(refusal: Refusal) -> RefusedError:
    """The exception for a refusal: by its code."""
    return _KINDS.get(refusal.code, RefusedError)(refusal)


def _status(packed: bytes) -> Status:
    try:
        return Status.FromString(packed)
    except DecodeError:
        return Status()


def _unpacked(status: Status, kind: type[D]) -> Iterator[D]:
    for packed in status.details:
        if (found := _unpack(packed, kind)) is not None:
            yield found


def _unpack(packed: Packed, kind: type[D]) -> D | None:
    detail = kind()
    try:
        return detail if packed.Unpack(detail) else None
    except DecodeError:
        return None


class TurnError(SomaAgentError):
    """A turn was accepted and did not come to an answer. `turn` is its name."""

    def __init__(self, turn: str, message: str) -> None:
        super().__init__(message)
        self.turn = turn


class TurnFailedError(TurnError):
    """The turn failed, for a reason of somagent.errors.v1.Reason."""

    def __init__(self, turn: str, failed: TurnFailed) -> None:
        super().__init__(turn, f"{failed.error.reason}: {failed.error.message}")
        self.failed = failed

    @property
    def reason(self) -> str:
        return self.failed.error.reason

    @property
    def metadata(self) -> Mapping[str, str]:
        return self.failed.error.metadata

    @property
    def partial_text(self) -> str:
        """What there was of an answer; it is not complete."""
        return self.failed.partial_text


class TurnCancelledError(TurnError):
    """The turn was cancelled, by `subject`."""

    def __init__(self, turn: str, subject: str) -> None:
        super().__init__(turn, f"cancelled by {subject}")
        self.subject = subject


class TurnPausedError(TurnError):
    """The turn waits for persons to decide about `invocations`.

    `SomaAgent.approve` and `SomaAgent.reject` decide; `SomaAgent.turn(error.turn)` goes on.
    """

    def __init__(self, turn: str, invocations: tuple[str, ...]) -> None:
        super().__init__(turn, f"waits for a decision about {', '.join(invocations)}")
        self.invocations = invocations
