"""Answers that are kept for a bounded time in a bounded number, each asked for once at a time."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar, final

from application.kernel.ports import Clock

K = TypeVar("K")
V = TypeVar("V")


@final
class TimedCache(Generic[K, V]):
    """What was loaded is answered for `seconds`, counted from when its loading began.

    So an answer is never older than that. Callers who ask for a key while it is loaded share one
    loading; one who goes away does not end it for the others. A failure is told to all who wait
    and is not kept. When `capacity` is reached, what was used least recently goes.
    """

    def __init__(self, clock: Clock, *, seconds: float, capacity: int) -> None:
        self._clock = clock
        self._seconds = seconds
        self._capacity = capacity
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._loading: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, load: Callable[[], Awaitable[V]]) -> V:
        """The kept answer, else what `load` gives."""
        if (kept := self._kept.get(key)) is not None:
            until, value = kept
            if self._clock.monotonic() < until:
                self._kept.move_to_end(key)
                return value
        task = self._loading.get(key)
        if task is None:
            task = asyncio.ensure_future(self._load(key, load))
            self._loading[key] = task
            task.add_done_callback(lambda done: self._end(key, done))
        return await asyncio.shield(task)

    def forget(self, key: K) -> None:
        """Load anew at the next asking; a loading that is under way is not kept."""
        self._kept.pop(key, None)
        self._loading.pop(key, None)

    def __len__(self) -> int:
        return len(self._kept)

    async def _load(self, key: K, load: Callable[[], Awaitable[V]]) -> V:
        until = self._clock.monotonic() + self._seconds
        value = await load()
        if self._loading.get(key) is asyncio.current_task():
            self._kept[key] = (until, value)
            self._kept.move_to_end(key)
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return value

    def _end(self, key: K, done: asyncio.Task[V]) -> None:
        if self._loading.get(key) is done:
            del self._loading[key]
        if not done.cancelled():
            # Looked at, so that a failure nobody waits for is not reported as lost.
            done.exception()
