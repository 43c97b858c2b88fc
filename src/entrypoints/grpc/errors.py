"""How a refusal looks on the wire: its code, and the details of google.rpc."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import (
    BadRequest,
    ErrorInfo,
    PreconditionFailure,
    QuotaFailure,
    ResourceInfo,
    RetryInfo,
)
from google.rpc.status_pb2 import Status

from domain.kernel.errors import (
    AlreadyExistsError,
    ConflictError,
    DeadlineExceededError,
    DomainError,
    ExhaustedError,
    ForbiddenError,
    InvalidValueError,
    NotFoundError,
    OutOfRangeError,
    PreconditionError,
    UnauthenticatedError,
    UnavailableError,
)
from entrypoints.grpc.refusals import INTERNAL

ERROR_DOMAIN: Final = "somagent.dev"
STATUS_DETAILS: Final = "grpc-status-details-bin"
RETRY_PUSHBACK: Final = "grpc-retry-pushback-ms"
"""What gRPC itself obeys where it retries for its client; RetryInfo is for those who do it."""

CODES: Final[Mapping[type[DomainError], grpc.StatusCode]] = MappingProxyType(
    {
        InvalidValueError: grpc.StatusCode.INVALID_ARGUMENT,
        OutOfRangeError: grpc.StatusCode.OUT_OF_RANGE,
        UnauthenticatedError: grpc.StatusCode.UNAUTHENTICATED,
        ForbiddenError: grpc.StatusCode.PERMISSION_DENIED,
        NotFoundError: grpc.StatusCode.NOT_FOUND,
        AlreadyExistsError: grpc.StatusCode.ALREADY_EXISTS,
        PreconditionError: grpc.StatusCode.FAILED_PRECONDITION,
        ConflictError: grpc.StatusCode.ABORTED,
        ExhaustedError: grpc.StatusCode.RESOURCE_EXHAUSTED,
        UnavailableError: grpc.StatusCode.UNAVAILABLE,
        DeadlineExceededError: grpc.StatusCode.DEADLINE_EXCEEDED,
    }
)
"""The only table of codes."""

# In bytes. A status travels in the trailers, in base64, which clients bound at 8 KiB.
_MOST_BYTES: Final = 4096
_LONGEST_MESSAGE: Final = 512
_LONGEST_TEXT: Final = 160
_MOST_VIOLATIONS: Final = 8
_MOST_FACTS: Final = 16
_ELLIPSIS: Final = "…".encode()


def code_of(refusal: DomainError) -> grpc.StatusCode:
    return next(code for kind, code in CODES.items() if isinstance(refusal, kind))


def message_of(refusal: DomainError) -> str:
    return _cut(str(refusal), _LONGEST_MESSAGE)


def status_of(refusal: DomainError) -> Status:
    """The refusal as a google.rpc.Status, small enough for the trailers of a call."""
    code: int = code_of(refusal).value[0]
    facts = {
        name: _cut(value, _LONGEST_TEXT)
        for name, value in list(refusal.facts.items())[:_MOST_FACTS]
    }
    info = ErrorInfo(reason=refusal.reason, domain=ERROR_DOMAIN, metadata=facts)
    status = Status(code=code, message=message_of(refusal), details=_packed(info))
    for detail in _details_of(refusal):
        status.details.extend(_packed(detail))
        if status.ByteSize() > _MOST_BYTES:
            del status.details[-1]
    return status


def trailers_of(status: Status, refusal: BaseException) -> tuple[tuple[str, str | bytes], ...]:
    """What a refused call is answered with besides its code and message."""
    details = (STATUS_DETAILS, status.SerializeToString())
    if not isinstance(refusal, DomainError) or refusal.retry_after_seconds is None:
        return (details,)
    return (details, (RETRY_PUSHBACK, str(max(0, round(refusal.retry_after_seconds * 1000)))))


def defect_status(request: str) -> Status:
    """What a caller learns of a defect: where to find it in the log, nothing of what it was."""
    info = ErrorInfo(reason=INTERNAL, domain=ERROR_DOMAIN, metadata={"request": request})
    code: int = grpc.StatusCode.INTERNAL.value[0]
    message = f"a defect of the server; its log has it under {request}"
    return Status(code=code, message=message, details=_packed(info))


def _details_of(refusal: DomainError) -> Iterator[Message]:
    # What a client's machinery acts on comes first: it is the last to be left out.
    if refusal.retry_after_seconds is not None:
        delay = Duration()
        delay.FromNanoseconds(max(0, round(refusal.retry_after_seconds * 1_000_000_000)))
        yield RetryInfo(retry_delay=delay)
    if refusal.resource is not None:
        name = _cut(refusal.resource.name, _LONGEST_TEXT)
        yield ResourceInfo(resource_type=refusal.resource.kind, resource_name=name)
    if isinstance(refusal, ExhaustedError):
        subject = _cut(refusal.facts.get("account", ""), _LONGEST_TEXT)
        violated = QuotaFailure.Violation(subject=subject, description=message_of(refusal))
        yield QuotaFailure(violations=[violated])
    if isinstance(refusal, PreconditionError):
        unmet = PreconditionFailure.Violation(
            type=refusal.reason,
            subject=_cut(next(iter(refusal.facts.values()), ""), _LONGEST_TEXT),
            description=message_of(refusal),
        )
        yield PreconditionFailure(violations=[unmet])
    if refusal.violations:
        yield BadRequest(
            field_violations=[
                BadRequest.FieldViolation(
                    field=_cut(one.field, _LONGEST_TEXT),
                    description=_cut(one.description, _LONGEST_TEXT),
                )
                for one in refusal.violations[:_MOST_VIOLATIONS]
            ]
        )


def _packed(detail: Message) -> list[Packed]:
    packed = Packed()
    packed.Pack(detail)
    return [packed]


def _cut(text: str, longest: int) -> str:
    """The first bytes of the text, in whole characters: it may have come from a hostile side."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= longest:
        return encoded.decode()
    return encoded[: longest - len(_ELLIPSIS)].decode(errors="ignore") + _ELLIPSIS.decode()
