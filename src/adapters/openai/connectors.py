"""The connectors of a provider's pool, whose connections are read more cheaply."""

from asyncio import get_running_loop
from functools import partial
from typing import Final, Self, final

from aiohttp import BaseConnector, TCPConnector, UnixConnector
from aiohttp.client_proto import ResponseHandler

from adapters.openai.provider import Provider

_NAME_CACHE_SECONDS: Final = 30


class _Answers(ResponseHandler):
    """Begins to read again only where reading was paused.

    aiohttp asks for it after each chunk that is taken from its buffer, and then runs its parser on
    nothing: for a model's stream, which has a chunk a token, that costs as much as all the rest.
    """

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's
        if self._reading_paused or self._buffer_paused:
            super().resume_reading(resume_parser)


@final
class _Tcp(TCPConnector):
    def read_cheaply(self) -> Self:
        self._factory = _factory()
        return self


@final
class _Unix(UnixConnector):
    def read_cheaply(self) -> Self:
        self._factory = _factory()
        return self


def connector_of(provider: Provider) -> BaseConnector:
    """What connects to the provider: over its socket in the file system where it has one."""
    if provider.socket:
        return _Unix(
            path=provider.socket,
            limit=provider.connections,
            keepalive_timeout=provider.keepalive_seconds,
        ).read_cheaply()
    return _Tcp(
        limit=provider.connections,
        keepalive_timeout=provider.keepalive_seconds,
        ttl_dns_cache=_NAME_CACHE_SECONDS,
    ).read_cheaply()


def _factory() -> partial[ResponseHandler]:
    answers: type[ResponseHandler] = _Answers
    return partial(answers, loop=get_running_loop())
