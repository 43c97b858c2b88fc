"""Whether a provider answers, how fast, and which models it names."""

import asyncio
from dataclasses import dataclass
from typing import Final

from aiohttp import ClientError
from msgspec import DecodeError

from adapters.openai.refusals import cause_of
from adapters.openai.session import ProviderSession, UnsendableKeyError
from adapters.openai.wire import MODEL_LISTS

LONGEST_LIST: Final = 8 * 1024 * 1024
_OK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderHealth:
    """What a probe found. `cause` says in plain words why it is not well; it holds no secret."""

    name: str
    reachable: bool
    models: tuple[str, ...] = ()
    latency_seconds: float = 0.0
    cause: str = ""


async def probe(session: ProviderSession, seconds: float = 5.0) -> ProviderHealth:
    """Ask for the list of models. This never raises; a provider that refuses is reachable."""
    name = session.provider.name
    loop = asyncio.get_running_loop()
    start = loop.time()
    try:
        async with asyncio.timeout(seconds), await session.models() as response:
            body = await response.content.read(LONGEST_LIST)
            while part := await response.content.read(LONGEST_LIST - len(body)):
                body += part
    except (ClientError, OSError, UnsendableKeyError) as failure:
        return ProviderHealth(name=name, reachable=False, cause=cause_of(failure))
    taken = loop.time() - start
    if response.status != _OK:
        return ProviderHealth(
            name=name,
            reachable=True,
            latency_seconds=taken,
            cause=f"it refuses to list its models (HTTP {response.status})",
        )
    try:
        listed = MODEL_LISTS.decode(body).data
    except (DecodeError, RecursionError):
        return ProviderHealth(
            name=name,
            reachable=True,
            latency_seconds=taken,
            cause="what it answers is no list of models",
        )
    models = tuple(entry.id for entry in listed)
    return ProviderHealth(name=name, reachable=True, models=models, latency_seconds=taken)
