"""The time that a call may still spend, stage by stage."""

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar, final

from aiohttp import ClientError, ConnectionTimeoutError, StreamReader

from adapters.openai.exchange import HttpAnswer
from adapters.openai.provider import Patience
from domain.conversation.errors import ModelTimedOutError

Answered = TypeVar("Answered")

_WHOLE: Final = "whole"


@final
class StageWatch:
    """Bounds every wait of one call by its stage and by the whole; time is the event loop's.

    A stream has a wait for nearly every token, so they share one timer: when it rings too early,
    it is only wound up again. What it does when it is late is to close the response, which ends
    the wait.
    """

    def __init__(self, capability: str, patience: Patience, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._capability = capability
        self._patience = patience
        self._start = self._loop.time()
        self._end = self._start + min(seconds, patience.whole)
        self.first_byte_seconds: float | None = None
        self._until = 0.0
        self._stage = ""
        self._waiting = False
        self._late = False
        self._timer: asyncio.TimerHandle | None = None

    async def answer(self, answer: Awaitable[Answered]) -> Answered:
        """Wait for something that comes before the stream.

        Raises:
            ModelTimedOutError: The stage or the whole took too long.
        """
        try:
            async with asyncio.timeout_at(self._deadline(self._start)):
                return await answer
        except ConnectionTimeoutError as late:
            raise ModelTimedOutError(self._capability, "connect") from late
        except TimeoutError as late:
            raise self._too_late() from late

    async def read(self, response: HttpAnswer) -> bytes:
        """All of the stream that has arrived; where nothing has, what arrives next.

        Empty at its end, also where it was cut off; then aiohttp may raise as well.

        Raises:
            ModelTimedOutError: The stage or the whole took too long.
        """
        content = response.content
        now = self._loop.time()
        if now >= self._end:
            raise ModelTimedOutError(self._capability, _WHOLE)
        block = content.read_nowait()
        if not block and not content.at_eof():
            self._until = self._deadline(now)
            if self._timer is None:
                first = min(self._until, now + self._patience.between_chunks)
                self._timer = self._loop.call_at(first, self._ring, response)
            block = await self._next(content)
        if self.first_byte_seconds is None:
            self.first_byte_seconds = self._loop.time() - self._start
        return block

    async def _next(self, content: StreamReader) -> bytes:
        self._waiting = True
        try:
            block = await content.readany()
        except (ClientError, OSError, RuntimeError) as failure:
            if self._late:
                raise self._too_late() from failure
            raise
        finally:
            self._waiting = False
        if self._late:
            raise self._too_late()
        return block

    def stop(self) -> None:
        """The stream is over, or nobody reads it any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _deadline(self, now: float) -> float:
        if self.first_byte_seconds is None:
            self._stage, until = "first byte", self._start + self._patience.first_byte
        else:
            self._stage, until = "between chunks", now + self._patience.between_chunks
        if until >= self._end:
            self._stage, until = _WHOLE, self._end
        return until

    def _ring(self, response: HttpAnswer) -> None:
        now = self._loop.time()
        if self._waiting and now >= self._until:
            self._late = True
            response.close()
        elif now < self._end:
            # The next wait cannot end before this, so neither rings too late.
            again = self._until if self._waiting else now + self._patience.between_chunks
            self._timer = self._loop.call_at(again, self._ring, response)

    def _too_late(self) -> ModelTimedOutError:
        return ModelTimedOutError(self._capability, self._stage)
