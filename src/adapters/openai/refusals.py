"""How what goes wrong at a provider looks to the domain: short causes, never bodies or secrets."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Final

from aiohttp import (
    ClientConnectionError,
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientError,
    ClientSSLError,
    StreamReader,
)
from msgspec import DecodeError

from adapters.openai.exchange import HttpAnswer
from adapters.openai.session import UnsendableKeyError
from adapters.openai.wire import REFUSALS, ErrorReport
from application.kernel.ports import Clock
from domain.conversation.errors import ModelFailedError, ModelRateLimitedError
from domain.kernel.errors import DomainError

LARGEST_REFUSAL: Final = 64 * 1024
"""Bytes of an error's body that are read; its code stands in them or is passed over."""

_TOO_MANY: Final = 429
_MEDIA_TYPE: Final = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,40}")
_CAUSES: Final[Mapping[int, str]] = {
    400: "it refused the request",
    401: "it refused the credentials",
    402: "it asks for payment",
    403: "it refused the credentials",
    404: "it knows no such model or path",
    408: "it gave up waiting for the request",
    413: "the request is too large for it",
    422: "it refused the request",
}


async def start_of_body(content: StreamReader) -> bytes:
    """The first `LARGEST_REFUSAL` bytes of a body that is no stream."""
    parts: list[bytes] = []
    room = LARGEST_REFUSAL
    while room > 0 and (part := await content.read(room)):
        parts.append(part)
        room -= len(part)
    return b"".join(parts)


def http_refusal(capability: str, response: HttpAnswer, body: bytes, clock: Clock) -> DomainError:
    """What an HTTP status other than 200 means."""
    retry_after = _retry_after(response, clock)
    if response.status == _TOO_MANY:
        return ModelRateLimitedError(capability, retry_after)
    cause = _CAUSES.get(response.status, "it failed")
    error = _report(body)
    named = f": {error.name}" if error is not None and error.name else ""
    refusal = ModelFailedError(
        capability, f"{cause}{named} (HTTP {response.status})", status=response.status
    )
    refusal.retry_after_seconds = retry_after
    return refusal


def not_a_stream(capability: str, response: HttpAnswer, body: bytes) -> DomainError:
    """What an answer means that came with HTTP 200 but is no event stream."""
    error = _report(body)
    if error is not None:
        return reported(capability, error)
    kind = response.content_type
    shown = kind if _MEDIA_TYPE.fullmatch(kind) else "something unknown"
    return ModelFailedError(capability, f"it answered with {shown}, not with an event stream")


def reported(capability: str, error: ErrorReport | str) -> DomainError:
    """What an error object means that came in place of a part of the answer."""
    if isinstance(error, str):
        return ModelFailedError(capability, "it reported an error")
    if error.is_rate_limit:
        return ModelRateLimitedError(capability, None)
    named = f": {error.name}" if error.name else ""
    return ModelFailedError(capability, f"it reported an error{named}")


def cause_of(failure: ClientError | OSError | UnsendableKeyError) -> str:
    """Why a provider gave no answer, in words that hold no address and no secret."""
    match failure:
        case UnsendableKeyError():
            return "its key has characters that cannot be sent"
        case ClientConnectorDNSError():
            return "its name cannot be resolved"
        case ClientConnectorCertificateError() | ClientSSLError():
            return "no secure connection to it can be made"
        case TimeoutError():
            return "it takes too long"
        case ClientConnectionError() | OSError():
            return (
                "it refuses connections"
                if isinstance(failure.__cause__, ConnectionRefusedError | FileNotFoundError)
                else "the connection was lost"
            )
        case _:
            return "what it sent is not HTTP as it should be"


def _report(body: bytes) -> ErrorReport | None:
    try:
        error = REFUSALS.decode(body).error
    except (DecodeError, RecursionError):
        return None
    return error if isinstance(error, ErrorReport) else None


def _retry_after(response: HttpAnswer, clock: Clock) -> float | None:
    asked = response.headers.get("Retry-After", "")
    try:
        seconds = float(asked)
    except ValueError:
        seconds = _seconds_until(asked, response.headers.get("Date", ""), clock)
    return max(0.0, seconds) if isfinite(seconds) else None


def _seconds_until(asked: str, said_at: str, clock: Clock) -> float:
    until = _moment(asked)
    if until is None:
        return float("nan")
    # The provider's own clock is the one that its date was read from.
    now = _moment(said_at) or clock.now()
    return (until - now).total_seconds()


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
