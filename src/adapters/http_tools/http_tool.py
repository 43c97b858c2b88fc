"""A tool that somebody else serves over HTTP, as the operator declares it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from domain.tools.tool import Tool

KEY_HEADER: Final = "Idempotency-Key"
"""The header in which a call's idempotency key is sent, if no other is named."""

CredentialSource: TypeAlias = Callable[[], Awaitable[str]]
"""The whole value of the header `Authorization`; empty where it cannot be had."""


class KeyPlace(StrEnum):
    """Where a call carries its idempotency key."""

    HEADER = "header"
    ARGUMENT = "argument"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTool:
    """Arguments are posted to `url` as JSON.

    `key_name` is the header's or the argument's. `status_url` is asked what became of a key, which
    stands in its header and where the address says `{key}`.
    """

    tool: Tool
    url: str
    key_place: KeyPlace = KeyPlace.HEADER
    key_name: str = KEY_HEADER
    status_url: str = ""
    seconds: float = 20.0
    max_result_bytes: int = 64 * 1024
    authorization: CredentialSource | None = field(default=None, repr=False)
