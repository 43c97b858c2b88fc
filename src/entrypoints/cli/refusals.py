"""What the server's refusals say, and what a person can do about each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, ResourceInfo, RetryInfo
from google.rpc.status_pb2 import Status

from entrypoints.cli.failure import CommandFailedError, ExitCode
from entrypoints.cli.screen import one_line
from somagent.errors.v1.error_pb2 import Error

_DETAILS: Final = "grpc-status-details-bin"

ADVICE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "UNAUTHENTICATED": "give an API key with --key or SOMA_API_KEY; "
        "`somagent keys create` makes one",
        "CREDENTIAL_EXPIRED": "make a new key with `somagent keys create`",
        "TENANT_SUSPENDED": "ask whoever runs the service: the tenant was stopped",
        "RATE_EXCEEDED": "wait, or ask for a higher rate",
        "PERMISSION_DENIED": "use a key whose roles and scopes include the permission",
        "BUDGET_EXHAUSTED": "raise the limit (BudgetService/SetLimit) or wait for the next month; "
        "for sessions, delete one",
        "SESSION_NOT_FOUND": "leave the session out to open a new one",
        "SESSION_BUSY": "wait for the open turn to end, or cancel it",
        "CAPSULE_NOT_FOUND": "bring one in with `somagent capsule apply FILE`",
        "CAPSULE_SIGNATURE_INVALID": "sign it with a key that is trusted: `somagent capsule sign`",
        "CAPSULE_ALREADY_EXISTS": "give the changed manifest a new version",
        "CAPSULE_MALFORMED": "mend the manifest; docs/capsules.md describes every field",
        "UNKNOWN_KNOB": "the knobs are intelligence_level, autonomy_level and resource_budget",
        "NO_CAPABILITY": "run `somagent doctor`: no model can serve this capsule now",
        "MODEL_FAILED": "run `somagent doctor` to see how the providers do",
        "MESSAGE_DOES_NOT_FIT": "shorten the message, or use a model with a larger context",
        "DATABASE_UNAVAILABLE": "run `somagent doctor` to see how the database does",
        "TENANT_ALREADY_EXISTS": "choose another name, or go on with the tenant that is there",
        "DEAD_LETTER_SETTLED": "`somagent deadletters show NAME` says what became of it",
        "DEAD_LETTER_BUSY": "ask again in a second",
        "DEAD_LETTER_FOR_CONSUMER": "leave out --into topic",
        "DEAD_LETTER_NOT_NAMED": "look at it, and replay it by its name",
        "INVOCATION_ALREADY_DECIDED": "`GetInvocation` says what became of it, and who said so",
        "RECORD_NOT_SEALED": "ask again in a second",
    }
)

D = TypeVar("D", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A status as it was received: `reason` is empty where the server sent no ErrorInfo."""

    code: str
    message: str
    reason: str = ""
    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    violations: tuple[tuple[str, str], ...] = ()
    resource: str = ""
    retry_after_seconds: float | None = None


def refusal_in(error: grpc.aio.AioRpcError) -> Refusal:
    """Read the details of google.rpc from a failed call."""
    status = Status()
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS and isinstance(value, bytes):
            status = _status(value)
    refusal = Refusal(
        code=error.code().name,
        message=status.message or error.details() or "the call failed",
    )
    info = next(_unpacked(status, ErrorInfo), ErrorInfo())
    bad = next(_unpacked(status, BadRequest), BadRequest())
    retry = next(_unpacked(status, RetryInfo), None)
    return Refusal(
        code=refusal.code,
        message=refusal.message,
        reason=info.reason,
        facts=dict(info.metadata),
        violations=tuple((one.field, one.description) for one in bad.field_violations),
        resource=next(_unpacked(status, ResourceInfo), ResourceInfo()).resource_name,
        retry_after_seconds=retry.retry_delay.ToTimedelta().total_seconds() if retry else None,
    )


def failure_of(refusal: Refusal, address: str) -> CommandFailedError:
    """The refusal as it ends a command."""
    if not refusal.reason and refusal.code == "UNAVAILABLE":
        return CommandFailedError(
            f"no server answers at {address}",
            "start one with `somagent serve`, or name another with --address",
            code=ExitCode.UNREACHABLE,
        )
    if not refusal.reason and refusal.code == "DEADLINE_EXCEEDED":
        return CommandFailedError(
            f"{address} did not answer in time",
            "`somagent doctor` shows how the service does",
            code=ExitCode.UNREACHABLE,
        )
    if not refusal.reason and refusal.code == "UNIMPLEMENTED":
        return CommandFailedError(
            f"what answers at {address} does not know this call",
            "it is a SomaGent of another version, or something else: see --address",
            code=ExitCode.REFUSED,
            reason=refusal.code,
        )
    words = one_line(refusal.message, 500)
    if refusal.violations:
        # The message lists the same faults; one a line reads better.
        words = "\n".join(
            ["the request was refused:" if len(refusal.violations) > 1 else words]
            + [
                f"  {one_line(field)}: {one_line(description, 300)}"
                for field, description in refusal.violations
                if len(refusal.violations) > 1
            ]
        )
    return CommandFailedError(
        words,
        advice_for(refusal.reason, refusal.retry_after_seconds),
        code=ExitCode.REFUSED,
        reason=refusal.reason or refusal.code,
        facts=refusal.facts,
    )


def advice_for(reason: str, retry_after_seconds: float | None = None) -> str:
    advice = ADVICE.get(reason, "")
    if retry_after_seconds is not None and not advice:
        return f"try again in {retry_after_seconds:g} s"
    return advice


def words_of(error: Error) -> str:
    """The error of a turn or an invocation in one line."""
    return one_line(f"{error.reason}: {error.message}", 300)


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
