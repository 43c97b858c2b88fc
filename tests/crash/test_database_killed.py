"""The database is killed: its first process, and one that serves a connection."""

import asyncio
import os
import signal

from tests.crash.laboratory import Laboratory, laboratory
from tests.crash.runs import judge, run
from tests.system.service import children_of


async def kill_the_database(lab: Laboratory) -> None:
    for which in ("first", "child", "first"):
        await asyncio.sleep(lab.chance.uniform(1.5, 3))
        first = lab.postmaster()
        children = children_of(first)
        victim = first if which == "first" or not children else children[-1]
        os.kill(victim, signal.SIGKILL)


async def test_a_database_that_is_killed_comes_back_with_everything() -> None:
    async with laboratory(41, servers=2) as lab:
        judge(await run(lab, 14, kill_the_database))
