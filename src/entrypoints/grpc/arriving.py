"""What asks to be let in, and what is looked at of its headers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import grpc
from google.protobuf.message import Message

from entrypoints.grpc.methods import Method

Call: TypeAlias = "grpc.aio.ServicerContext[Message, Message]"

CREDENTIALS: Final = ("authorization", "x-api-key")
TRACE: Final = "traceparent"


class Arrival(Protocol):
    """What asks to be let in: of which method, when it came, and in which trace."""

    @property
    def method(self) -> Method: ...
    @property
    def received_at(self) -> float: ...
    @property
    def traceparent(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """An arrival that is no call."""

    method: Method
    received_at: float
    traceparent: str


def metadata_of(call: Call) -> dict[str, str]:
    """The headers that are looked at. One given twice is joined, and so no credential."""
    found: dict[str, str] = {}
    for key, value in call.invocation_metadata() or ():
        if isinstance(value, str) and (key in CREDENTIALS or key == TRACE):
            found[key] = f"{found[key]}, {value}" if key in found else value
    return found


def credential_in(call: Call) -> Sequence[tuple[str, bytes]]:
    """The headers by which a caller may be known again."""
    found = metadata_of(call)
    return [(name, found[name].encode()) for name in CREDENTIALS if name in found]
