"""Model servers that already run on this machine, and what of theirs could be offered."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import ClientError
from msgspec import DecodeError

from adapters.openai.probe import probe
from adapters.openai.provider import Patience, Provider
from adapters.openai.refusals import start_of_body
from adapters.openai.session import ProviderSession, open_session
from adapters.openai.wire import SERVER_PROPERTIES
from domain.capability.capability import ToolCalling

OLLAMA_PORT: Final = 11434
LLAMA_PORT: Final = 8080
_SECONDS: Final = 1.0
_OK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundServer:
    """A server that answered on loopback. `context_window` is 0 where it does not tell.

    `tool_calling` is what may be relied on: llama.cpp enforces a schema for every model, and calls
    tools natively with some; Ollama refuses tools for the models that do not know them.
    """

    software: str
    base_url: str
    models: tuple[str, ...]
    context_window: int
    tool_calling: ToolCalling
    counts_tokens: bool


async def discover(
    ports: Sequence[int] = (OLLAMA_PORT, LLAMA_PORT), seconds: float = _SECONDS
) -> tuple[FoundServer, ...]:
    """Look on loopback, all ports at once; no key is sent. Servers without models are left out."""
    found = await asyncio.gather(*(_look(port, seconds) for port in ports))
    return tuple(server for server in found if server is not None)


async def _look(port: int, seconds: float) -> FoundServer | None:
    provider = Provider(
        name=f"loopback-{port}",
        base_url=f"http://127.0.0.1:{port}/v1",
        patience=Patience(connect=seconds),
    )
    async with open_session(provider) as session:
        health = await probe(session, seconds)
        if not health.models:
            return None
        window = await _llama_window(session, seconds)
    is_llama = window is not None
    return FoundServer(
        software="llama.cpp" if is_llama else "Ollama" if port == OLLAMA_PORT else "unknown",
        base_url=provider.base_url,
        models=health.models,
        context_window=window or 0,
        tool_calling=ToolCalling.JSON_SCHEMA if is_llama else ToolCalling.NATIVE,
        counts_tokens=is_llama,
    )


async def _llama_window(session: ProviderSession, seconds: float) -> int | None:
    """The window of one slot; None when this is not llama.cpp."""
    try:
        async with asyncio.timeout(seconds), await session.get("props") as response:
            if response.status != _OK:
                return None
            properties = SERVER_PROPERTIES.decode(await start_of_body(response.content))
    except (ClientError, OSError, DecodeError):
        return None
    settings = properties.default_generation_settings
    return settings.n_ctx if settings is not None else None
