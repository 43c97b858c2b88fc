"""What is set about one provider: where it is, how its key is got, how long each stage may take."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import urlsplit

from domain.kernel.errors import InvalidArgumentError

KeySource: TypeAlias = Callable[[], Awaitable[str]]
"""Asked for the key at each call, so that a rotated key is used at once; empty: none is sent."""


async def no_key() -> str:
    """The key of a provider that asks for none."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds that a call may spend in each stage; `whole` counts from its start to its end."""

    connect: float = 5.0
    first_byte: float = 60.0
    between_chunks: float = 30.0
    whole: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One party that speaks the OpenAI API.

    Attributes:
        name: What capabilities call it.
        base_url: With its version, as in `https://api.openai.com/v1`.
        socket: A socket file to reach it by; the host of `base_url` then means nothing.
        api_key: Where its key comes from.
        headers: Names and values sent with every call, never logged.
        patience: How long each stage may take.
        connections: Open at once; further calls wait, within the stage `connect`.
        keepalive_seconds: How long an idle connection is kept; less than the provider keeps it.
        reply_bound_field: What the bound of the reply is called: the newest models of OpenAI want
            `max_completion_tokens`, everybody else knows `max_tokens`.
        sends_temperature: False for models that refuse any temperature but their own.
        max_answer_bytes: A longer stream is a failure.

    Raises:
        InvalidArgumentError: The address is not an HTTP one, or carries credentials.
    """

    name: str
    base_url: str = "http://localhost/v1"
    socket: str = ""
    api_key: KeySource = field(default=no_key, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    patience: Patience = Patience()
    connections: int = 256
    keepalive_seconds: float = 15.0
    reply_bound_field: str = "max_tokens"
    sends_temperature: bool = True
    max_answer_bytes: int = 32 * 1024 * 1024

    def __post_init__(self) -> None:
        address = urlsplit(self.base_url)
        if address.scheme not in {"http", "https"} or not address.hostname:
            raise InvalidArgumentError("base_url", f"provider {self.name} needs an http(s) address")
        if address.username or address.password or address.query or address.fragment:
            raise InvalidArgumentError(
                "base_url",
                f"the address of provider {self.name} must be plain: no key in it",
            )
