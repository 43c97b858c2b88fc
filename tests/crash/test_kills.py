"""Servers that are killed at named steps and at random, under load."""

import pytest

from tests.crash.laboratory import laboratory
from tests.crash.runs import judge, kill, run

KILLS = 6


@pytest.mark.parametrize("seed", [11, 23])
async def test_killed_servers_lose_and_double_nothing(seed: int) -> None:
    async with laboratory(seed, servers=3, steady=1) as lab:
        kills = lab.fleet.plan.kills
        done = await run(lab, 8, kill, enough=lambda: kills.total() >= KILLS)

        judge(done)
        assert kills.total() >= KILLS
