"""The database is killed: its first process, and one that serves a connection."""

import asyncio
import os
import signal
from pathlib import Path

from tests.crash.laboratory import Laboratory, laboratory
from tests.crash.owner import row_of
from tests.crash.runs import judge, run
from tests.system.service import until

SERVING = """
    select pid from pg_stat_activity
    where backend_type = 'client backend' and pid <> pg_backend_pid() limit 1
"""
"""A process that serves a connection, and not the one that asks."""

RECOVERED = "was not properly shut down"
"""What a database says that finds itself killed."""


def parent_of(pid: int) -> int:
    return int(Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[1])


async def kill_the_database(lab: Laboratory) -> None:
    lab.evidence[-1].troubled = True
    for which in ("first", "child", "first"):
        await asyncio.sleep(lab.chance.uniform(1.5, 3))
        before = lab.database_said().count(RECOVERED)

        async def has_recovered(before: int = before) -> bool:
            return lab.database_said().count(RECOVERED) > before

        # It answers now: what it names is its own, and nobody else's by this time.
        (child,) = await row_of(lab, SERVING)
        os.kill(parent_of(child) if which == "first" else child, signal.SIGKILL)
        await until(has_recovered)


async def test_a_database_that_is_killed_comes_back_with_everything() -> None:
    async with laboratory(41, servers=2) as lab:
        judge(await run(lab, 14, kill_the_database))
