"""One request to a tool's server, and what its answer or its silence means."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
)

CONNECT_SECONDS: Final = 5.0
CUT: Final = "\n[cut: the answer is longer]"

_OK: Final = range(200, 300)
_MAYBE_BEGUN: Final = frozenset({408, 409, 425, 499})
"""What a server may say after it has begun: too late, already under way, gone."""

_REFUSED: Final = frozenset(range(400, 500)) - _MAYBE_BEGUN


class NotTakenError(Exception):
    """The request reached nobody, or was refused: nothing took effect."""


class LostError(Exception):
    """The request was sent, and what became of it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent: POST with a body, GET without one."""

    url: str
    headers: Mapping[str, str]
    body: bytes | None
    seconds: float
    most: int


async def exchange(http: ClientSession, request: Request) -> str:
    """The text of an answer that says that it was done, at most so many bytes of it.

    Raises:
        NotTakenError: It was not sent, or was refused with a status from 400 to 499 that cannot
            come after the work began.
        LostError: Any other answer, half of one, or none in time.
    """
    # `connect` and not `sock_connect`: looking up the name counts, and nothing waits for a slot.
    limits = ClientTimeout(total=request.seconds, connect=min(CONNECT_SECONDS, request.seconds))
    try:
        async with http.request(
            "GET" if request.body is None else "POST",
            request.url,
            data=request.body,
            headers=request.headers,
            # A redirect would carry arguments and credentials to somebody else.
            allow_redirects=False,
            timeout=limits,
        ) as response:
            return await _answer(response, request.most)
    except ConnectionTimeoutError as error:
        raise NotTakenError("it cannot be reached in time") from error
    except ClientConnectorError as error:
        raise NotTakenError("it cannot be reached") from error
    except TimeoutError as error:
        raise LostError("it took too long") from error
    except (ClientError, OSError, ValueError) as error:
        # What aiohttp cannot read as HTTP is some of each of these.
        raise LostError("the connection was lost") from error


async def _answer(response: ClientResponse, most: int) -> str:
    if response.status in _REFUSED:
        raise NotTakenError(f"it refused (HTTP {response.status})")
    if response.status not in _OK:
        raise LostError(f"it did not say that it was done (HTTP {response.status})")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise LostError("its answer is compressed, which was not asked for")
    parts: list[bytes] = []
    room = most + 1
    while room > 0 and (part := await response.content.read(room)):
        parts.append(part)
        room -= len(part)
    whole = b"".join(parts)
    if len(whole) <= most:
        return whole.decode("utf-8", "replace")
    return whole[:most].decode("utf-8", "ignore") + CUT
