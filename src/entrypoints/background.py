"""What a server does besides answering: steps at intervals, and signals as they come."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import SystemRandom
from typing import Final, TypeVar, final

from domain.kernel.errors import StorageUnavailableError

LOG: Final = logging.getLogger("somagent.background")

JITTER: Final = 0.2
"""Servers that were started together drift apart by up to this part of an interval."""

LONGEST_PAUSE: Final = 30.0
"""Seconds between tries of a step that keeps failing, unless it says otherwise."""

MOST_DOUBLED: Final = 20
"""So often a pause is doubled at most."""

CANCEL_SECONDS: Final = 1.0
"""After so long a task that was cancelled and goes on is cancelled again."""

_random: Final = SystemRandom()

T = TypeVar("T")
Step = Callable[[], Awaitable[object]]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """A step and how often it is done, in seconds; `wake`, where there is one, ends a pause early.

    A step that did something (its answer is not 0) is done again at once. One that keeps failing
    is tried less and less often, at last every `longest_pause` seconds.
    """

    name: str
    step: Step
    seconds: float
    wake: Callable[[float], Awaitable[None]] | None = None
    longest_pause: float = LONGEST_PAUSE

    async def run(self) -> None:
        """Go on until cancelled. A database that does not answer is waited for, more and more."""
        failures = 0
        while True:
            try:
                done = await self.step()
            except StorageUnavailableError:
                failures += 1
                LOG.warning("%s waits for the database", self.name, extra={"failures": failures})
            except Exception:
                failures += 1
                LOG.exception("%s failed", self.name, extra={"failures": failures})
            else:
                failures = 0
                if done:
                    continue
            pause = self.seconds
            if failures:
                pause = _pause(self.seconds, failures, self.longest_pause)
            pause *= 1 + JITTER * (_random.random() - 0.5)
            if self.wake is not None and not failures:
                await self.wake(pause)
            else:
                await asyncio.sleep(pause)


async def hear(
    name: str,
    listen: Callable[[], AsyncIterator[T]],
    act: Callable[[T], Awaitable[None]],
) -> None:
    """Act on what is heard, until cancelled; listen again when listening ends or fails."""
    failures = 0
    while True:
        try:
            async for heard in listen():
                failures = 0
                await act(heard)
        except StorageUnavailableError:
            LOG.warning("%s waits for the database", name, extra={"failures": failures})
        except Exception:
            LOG.exception("%s failed", name, extra={"failures": failures})
        failures += 1
        await asyncio.sleep(_pause(0.25, failures, LONGEST_PAUSE))


def _pause(seconds: float, failures: int, longest: float) -> float:
    """Twice as long after each failure; no number grows with an outage of days."""
    return min(longest, seconds * 2.0 ** min(failures, MOST_DOUBLED))


async def stopped(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks until they have ended, however they end.

    What they end with is for `told_of` to say.

    Once is not enough: on Python 3.11 `asyncio.wait_for`, with which libraries wait,
    forgets a cancellation that comes just as its wait is over.
    """
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=CANCEL_SECONDS)


def told_of(task: asyncio.Task[None]) -> asyncio.Task[None]:
    """Log the error that ends a task, at the moment it does."""
    task.add_done_callback(_tell)
    return task


def _name_of(job: Coroutine[None, None, None]) -> str:
    return str(getattr(job, "__qualname__", job))


def _tell(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        LOG.error("%s ended by itself", task.get_name(), exc_info=error)


@asynccontextmanager
async def running(*jobs: Coroutine[None, None, None]) -> AsyncGenerator[None]:
    """Run jobs beside whatever is done inside; they are cancelled, and waited for, at the end.

    One that fails is told of when it does, and leaves the others running.
    """
    tasks = [told_of(asyncio.create_task(job, name=_name_of(job))) for job in jobs]
    try:
        yield
    finally:
        await stopped(*tasks)
