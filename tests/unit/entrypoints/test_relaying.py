"""Topics are made as soon as there is a broker that makes them."""

import asyncio
from collections.abc import Sequence

import pytest

from domain.delivery.errors import PublisherAwayError
from entrypoints.relaying import topics_made
from tests.doubles import PATIENCE


async def test_a_broker_that_comes_back_makes_the_topics(
    caplog: pytest.LogCaptureFixture,
) -> None:
    away: list[Exception] = [PublisherAwayError("no answer in time")]
    made: list[str] = []

    async def create() -> Sequence[str]:
        if away:
            raise away.pop()
        made.append("audit.events")
        return made

    async with asyncio.timeout(PATIENCE):
        await topics_made(create, seconds=0)

    assert made == ["audit.events"]
    assert "topics are not made yet" in caplog.text
