"""The client at two servers of one database: one stops or is killed, and a turn goes on."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import grpc
import pytest
import pytest_asyncio

from somagent_client import Event, SomaAgent, Turn, TurnFailedError
from tests.survival.capsule import STEADY, steady_capsule
from tests.survival.upstream import Order, speaking
from tests.system.client import Client, connect
from tests.system.conversing import followed, watched
from tests.system.installation import Installation
from tests.system.service import Service, serving
from tests.upstream.scripted import ScriptedUpstream, scripted_upstream

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("sdk-servers")]

PATIENCE = 240.0
WRITTEN = 90
"""After so many words at this pace a turn is so long that its events are written while it runs."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream() -> AsyncGenerator[ScriptedUpstream]:
    async with scripted_upstream(speaking(seconds_a_word=0.03)) as opened:
        yield opened


@asynccontextmanager
async def at(caller: Client, *servers: Service) -> AsyncGenerator[SomaAgent]:
    addresses = ",".join(one.address for one in servers)
    async with (
        asyncio.timeout(PATIENCE),
        SomaAgent(addresses, tenant=caller.tenant, key=caller.key) as client,
    ):
        yield client


async def killing(turn: Turn, server: Service, words: int) -> list[Event]:
    """The events of a turn whose server is killed once so many words of it are shown."""
    events: list[Event] = []
    async for event in turn:
        events.append(event)
        if server.process.returncode is None and turn.text.count(" ") >= words:
            await server.kill()
    return events


@pytest.mark.parametrize("shown", [5, WRITTEN])
async def test_an_answer_whose_server_was_killed_is_whole(
    shown: int, installation: Installation, server: Service, caller: Client
) -> None:
    await steady_capsule(caller, installation.author_key, f"1.0.{shown}")
    async with serving(installation.beside()) as dying, at(caller, dying, server) as client:
        session = await client.create_session(capsule=STEADY)
        order = Order(WRITTEN + 40, "k")
        turn = session.send(order.message)

        events = await killing(turn, dying, shown)
        answer = await turn

    assert answer.text == turn.text == order.answer
    assert turn.resumes > 0
    numbers = [event.sequence for event in events]
    assert numbers == sorted(set(numbers))
    void = {number for event in events for number in event.voids}
    assert void | set(numbers) == set(range(1, numbers[-1] + 1))


async def test_an_answer_whose_server_was_told_to_stop_is_whole(
    installation: Installation, server: Service, caller: Client
) -> None:
    await steady_capsule(caller, installation.author_key, "1.1.0")
    hasty = installation.beside().with_settings(server__drain_seconds=0.5)
    async with serving(hasty) as stopping, at(caller, stopping, server) as client:
        order = Order(WRITTEN + 40, "k")
        turn = (await client.create_session(capsule=STEADY)).send(order.message)
        told = False
        async for event in turn:
            # Once: what was shown may be void and come again, and a second signal ends it at once.
            if event.text and not told:
                stopping.tell(signal.SIGTERM)
                told = True
        answer = await turn

    assert answer.text == turn.text == order.answer
    assert turn.resumes > 0


async def test_a_part_of_an_answer_that_may_not_be_gone_on_with_is_told_as_a_part(
    installation: Installation, server: Service, caller: Client
) -> None:
    async with serving(installation.beside()) as dying, at(caller, dying, server) as client:
        session = await client.create_session(capsule="plain")
        order = Order(WRITTEN + 40, "k")
        turn = session.send(order.message)

        await killing(turn, dying, WRITTEN)
        with pytest.raises(TurnFailedError) as failed:
            await turn

    assert failed.value.reason == "TURN_ABANDONED"
    assert failed.value.partial_text == turn.text
    assert order.answer.startswith(failed.value.partial_text)
    assert 0 < len(failed.value.partial_text) < len(order.answer)


async def test_a_watcher_whose_server_stops_is_told_that_it_is_unavailable(
    installation: Installation, server: Service, caller: Client
) -> None:
    order = Order(WRITTEN, "k")
    async with serving(installation.beside()) as stopping, at(caller, server) as client:
        turn = (await client.create_session(capsule="plain")).send(order.message)
        events = aiter(turn)
        while turn.text.count(" ") < 1:
            await anext(events)

        told = asyncio.Event()

        async def stop(_: object) -> None:
            if not told.is_set():  # a second signal would end it at once
                stopping.tell(signal.SIGTERM)
                told.set()

        there = connect(stopping.address, caller.tenant, caller.key)
        broken = await followed(watched(there, turn.name), [], stop)
        rest = [event async for event in events]

    assert broken is not None
    assert broken.code is grpc.StatusCode.UNAVAILABLE
    assert rest[-1].message.completed.text == order.answer
