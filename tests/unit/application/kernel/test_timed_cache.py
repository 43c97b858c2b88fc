"""Answers kept for a while: how long, how many, and who loads them."""

import asyncio

import pytest

from application.kernel.timed_cache import TimedCache
from tests.fakes import StoppedClock


class Source:
    """Counts how often it is asked; answers when it is let."""

    def __init__(self, *, held: bool = False) -> None:
        self.asked = 0
        self.fails = False
        self.begun = asyncio.Event()
        self._open = asyncio.Event()
        if not held:
            self._open.set()

    def release(self) -> None:
        self._open.set()

    async def load(self) -> int:
        self.asked += 1
        number = self.asked
        self.begun.set()
        await self._open.wait()
        if self.fails:
            raise LookupError
        return number


def cache(clock: StoppedClock, *, capacity: int = 8) -> TimedCache[str, int]:
    return TimedCache(clock, seconds=5, capacity=capacity)


async def test_an_answer_is_kept_until_its_time_is_over() -> None:
    clock, source = StoppedClock(), Source()
    known = cache(clock)

    first = await known.get("a", source.load)
    clock.advance(4.9)
    kept = await known.get("a", source.load)
    clock.advance(0.2)
    fresh = await known.get("a", source.load)

    assert (first, kept, fresh) == (1, 1, 2)


async def test_its_time_begins_when_its_loading_does() -> None:
    clock, source = StoppedClock(), Source(held=True)
    known = cache(clock)

    loading = asyncio.create_task(known.get("a", source.load))
    await source.begun.wait()
    clock.advance(4)
    source.release()
    await loading
    clock.advance(2)

    assert await known.get("a", source.load) == 2


async def test_all_who_ask_at_once_share_one_loading() -> None:
    source = Source(held=True)
    known = cache(StoppedClock())

    waiting = [asyncio.create_task(known.get("a", source.load)) for _ in range(5)]
    await source.begun.wait()
    source.release()

    assert await asyncio.gather(*waiting) == [1] * 5
    assert source.asked == 1


async def test_one_who_goes_away_does_not_end_it_for_others() -> None:
    source = Source(held=True)
    known = cache(StoppedClock())
    first = asyncio.create_task(known.get("a", source.load))
    second = asyncio.create_task(known.get("a", source.load))
    await source.begun.wait()

    first.cancel()
    source.release()

    assert await second == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_failure_is_told_and_not_kept() -> None:
    source = Source()
    source.fails = True
    known = cache(StoppedClock())

    with pytest.raises(LookupError):
        await known.get("a", source.load)
    source.fails = False

    assert await known.get("a", source.load) == 2


async def test_what_was_used_least_recently_goes_first() -> None:
    source = Source()
    known = cache(StoppedClock(), capacity=2)
    for key in ("a", "b", "a", "c"):
        await known.get(key, source.load)

    assert len(known) == 2
    assert await known.get("a", source.load) == 1
    assert await known.get("b", source.load) == 4


async def test_what_is_forgotten_is_loaded_anew() -> None:
    source = Source()
    known = cache(StoppedClock())
    await known.get("a", source.load)

    known.forget("a")

    assert await known.get("a", source.load) == 2


async def test_what_is_forgotten_while_it_loads_is_not_kept() -> None:
    source = Source(held=True)
    known = cache(StoppedClock())
    loading = asyncio.create_task(known.get("a", source.load))
    await source.begun.wait()

    known.forget("a")
    source.release()

    assert await loading == 1
    assert await known.get("a", source.load) == 2
