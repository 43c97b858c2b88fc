"""What every use case may ask of the outside world."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol, TypeAlias
from uuid import UUID

from domain.kernel.identifiers import TenantId
from domain.kernel.request_key import RequestKey

Json: TypeAlias = (
    "str | int | float | bool | list[Json] | tuple[Json, ...] | Mapping[str, Json] | None"
)
"""A JSON value. Mappings have text keys; amounts are integers or text, never floats of money."""


class Clock(Protocol):
    def now(self) -> datetime:
        """The time of day, aware, UTC. For what people read: nothing begins or ends by it."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow, from an unknown start. For durations and leases."""
        ...


class DurableClock(Protocol):
    async def now(self) -> datetime:
        """The time by which whatever is kept begins and ends, aware, UTC: the database's.

        Raises:
            StorageUnavailableError: The database does not answer.
        """
        ...


class IdentifierSource(Protocol):
    def next(self) -> UUID:
        """A new UUIDv7: later ones sort after earlier ones of the same process."""
        ...

    def nonce(self) -> bytes:
        """16 bytes from the operating system's randomness, for salted hashes."""
        ...


class CanonicalJson(Protocol):
    def encode(self, value: Json) -> bytes:
        """The value's RFC 8785 form.

        Raises:
            InvalidArgumentError: The value has no canonical form (NaN, a lone surrogate, a number
                beyond 2**53).
        """
        ...

    def encode_plain(self, value: Json) -> bytes:
        """The same for a value that its maker knows to be plain, which is not looked at again.

        All keys are ASCII; numbers are whole and within 2**53, or decimals from 0.0001 up, with at
        most 15 digits and a fraction. For documents of our own on the hot path.

        Raises:
            InvalidArgumentError: A text holds a lone surrogate.
        """
        ...

    def decode(self, data: bytes) -> Json:
        """Read JSON in any form.

        Raises:
            InvalidArgumentError: This is not JSON.
        """
        ...


class RequestClaims(Protocol):
    """Request ids of mutations that may be repeated by themselves: each stands for one content.

    What is done under a claimed id is done after the claim, and again when the call is repeated.
    """

    async def claim(self, tenant_id: TenantId, request: RequestKey) -> str:
        """Let an id stand for its content; what was noted under it before, empty for nothing.

        Raises:
            IdempotencyKeyReusedError: It stands for another content.
        """
        ...

    async def note(self, tenant_id: TenantId, request: RequestKey, answer: str) -> None:
        """Keep what a repeated call is to be answered with, where doing it again would not tell."""
        ...
