"""Tasks beside the calls: how they go on, and how they are stopped."""

import asyncio

import pytest

from domain.kernel.errors import StorageUnavailableError
from entrypoints.background import Repeated, running, stopped


async def test_a_task_that_forgets_a_cancellation_is_stopped_all_the_same() -> None:
    forgotten: list[str] = []
    begun = asyncio.Event()

    async def forgetful() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            forgotten.append("once")
        await asyncio.Event().wait()

    task = asyncio.create_task(forgetful())
    await begun.wait()
    await stopped(task)

    assert forgotten == ["once"]
    assert task.cancelled()


async def test_jobs_run_beside_what_is_done_and_end_with_it() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def job() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def broken() -> None:
        raise ValueError("this job breaks")

    async with running(job(), broken()):
        await begun.wait()

    assert ended.is_set()


async def test_a_job_that_ends_by_itself_is_told_of_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken() -> None:
        raise ValueError("this job breaks")

    async with running(broken()):
        for _ in range(5):  # it begins, it fails, it is told of
            await asyncio.sleep(0)
        assert "broken ended by itself" in caplog.text

    assert caplog.text.count("ended by itself") == 1


async def test_a_step_goes_on_after_an_outage_of_days() -> None:
    tries, over = 0, asyncio.Event()

    async def step() -> None:
        nonlocal tries
        tries += 1
        if tries < 1100:
            raise StorageUnavailableError
        over.set()

    async with running(Repeated(name="upkeep", step=step, seconds=0).run()):
        await over.wait()

    assert tries >= 1100


async def test_a_step_that_breaks_is_done_again() -> None:
    tries, again = 0, asyncio.Event()

    async def step() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ValueError("this step breaks")
        again.set()

    async with running(Repeated(name="sealing", step=step, seconds=0).run()):
        await again.wait()

    assert tries >= 2


async def test_a_step_that_is_woken_does_not_wait_for_its_time() -> None:
    bell, rung = asyncio.Event(), asyncio.Event()
    done = 0

    async def step() -> None:
        nonlocal done
        done += 1
        (bell if done == 1 else rung).set()

    async def wake(_: float) -> None:
        await bell.wait()
        bell.clear()

    async with running(Repeated(name="sealing", step=step, seconds=86_400, wake=wake).run()):
        await rung.wait()

    assert done >= 2
