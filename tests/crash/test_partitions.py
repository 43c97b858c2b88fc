"""Servers that are cut off from the database, in every way that a network knows."""

import asyncio
from collections.abc import Callable

import pytest

from tests.crash.laboratory import Laboratory, laboratory
from tests.crash.line import Line
from tests.crash.runs import judge, run
from tests.system.service import until


def delayed(line: Line) -> None:
    line.delay(0.3)


def cut_in_mid_message(line: Line) -> None:
    line.cut_after(700)


@pytest.mark.parametrize(
    "harms",
    [(Line.refuse, cut_in_mid_message), (Line.half_open, delayed)],
    ids=["broken off", "silent"],
)
async def test_a_partition_loses_and_doubles_nothing(
    harms: tuple[Callable[[Line], None], ...],
) -> None:
    async def part(lab: Laboratory) -> None:
        lab.evidence[-1].troubled = True
        for harm in (*harms, *harms):
            await asyncio.sleep(1)
            line = lab.chance.choice(lab.lines)
            before = line.harmed

            async def is_felt(line: Line = line, before: int = before) -> bool:
                return line.harmed > before

            harm(line)
            await asyncio.sleep(2)
            await until(is_felt)
            line.mend()

    async with laboratory(53, servers=2, lined=True) as lab:
        judge(await run(lab, 14, part))
