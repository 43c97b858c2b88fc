"""The time that a call may still spend, stage by stage."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar, final

from aiohttp import ConnectionTimeoutError

from adapters.openai.provider import Patience
from domain.conversation.errors import ModelTimedOutError

Answered = TypeVar("Answered")


@final
class StageWatch:
    """Bounds every wait of one call by its stage and by the whole; time is the event loop's."""

    __slots__ = ("_capability", "_end", "_first_byte", "_loop", "_patience", "first_byte_seconds")

    def __init__(self, capability: str, patience: Patience, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._capability = capability
        self._patience = patience
        now = self._loop.time()
        self._end = now + min(seconds, patience.whole)
        self._first_byte: float | None = now + patience.first_byte
        self.first_byte_seconds = 0.0

    async def wait(self, answer: Awaitable[Answered]) -> Answered:
        """Wait for the next thing that the provider sends.

        Raises:
            ModelTimedOutError: The stage or the whole took too long.
        """
        if self._first_byte is None:
            stage, until = "between chunks", self._loop.time() + self._patience.between_chunks
        else:
            stage, until = "first byte", self._first_byte
        if until >= self._end:
            stage, until = "whole", self._end
        try:
            async with asyncio.timeout_at(until):
                return await answer
        except ConnectionTimeoutError as late:
            raise ModelTimedOutError(self._capability, "connect") from late
        except TimeoutError as late:
            raise ModelTimedOutError(self._capability, stage) from late

    def received(self) -> None:
        """A part of the answer has come.

        Raises:
            ModelTimedOutError: The whole took too long, with nothing to wait for in between.
        """
        now = self._loop.time()
        if self._first_byte is not None:
            self.first_byte_seconds = now - (self._first_byte - self._patience.first_byte)
            self._first_byte = None
        if now >= self._end:
            raise ModelTimedOutError(self._capability, "whole")
