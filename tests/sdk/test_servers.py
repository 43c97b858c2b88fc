"""The client at two servers of one database: one stops or is killed, and a turn goes on."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

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
from tests.upstream.chunks import answer, text
from tests.upstream.scripted import Ending, Reply, ScriptedUpstream, scripted_upstream, streamed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("sdk-servers")]

PATIENCE = 240.0

ORDER = Order(20, "k")
SHOWN = 5
"""So many words of it are said to whoever asks first; then nothing comes any more."""


def broken_off() -> Reply:
    words = ORDER.answer.split()[:SHOWN]
    return streamed(*(text(f"{word} ") for word in words), Ending.SILENCE)


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


async def killing(turn: Turn, server: Service, elsewhere: Client | None) -> list[Event]:
    """The events of a turn whose server is killed once its words are shown, or written as well."""
    events: list[Event] = []
    async for event in turn:
        events.append(event)
        if server.process.returncode is None and turn.text.count(" ") >= SHOWN:
            if elsewhere is not None:
                await is_shown(elsewhere, turn)
            await server.kill()
    return events


async def is_shown(client: Client, turn: Turn) -> None:
    """Wait until text of a turn that is driven elsewhere is shown: that much of it is written."""
    async with aclosing(watched(client, turn.name)) as events:
        async for event in events:
            if event.text.delta:
                return
    raise AssertionError(turn.name)


@pytest.mark.parametrize("written", [False, True])
async def test_an_answer_whose_server_was_killed_is_whole(
    installation: Installation,
    server: Service,
    caller: Client,
    upstream: ScriptedUpstream,
    *,
    written: bool,
) -> None:
    await steady_capsule(caller, installation.author_key, f"1.0.{int(written)}")
    upstream.answers(broken_off())
    async with serving(installation.beside()) as dying, at(caller, dying, server) as client:
        turn = (await client.create_session(capsule=STEADY)).send(ORDER.message)

        events = await killing(turn, dying, caller if written else None)
        whole = await turn

    assert whole.text == turn.text == ORDER.answer
    assert turn.resumes > 0
    numbers = [event.sequence for event in events]
    assert numbers == sorted(set(numbers))
    void = {number for event in events for number in event.voids}
    assert void | set(numbers) == set(range(1, numbers[-1] + 1))


async def test_an_answer_whose_server_was_told_to_stop_is_whole(
    installation: Installation, server: Service, caller: Client, upstream: ScriptedUpstream
) -> None:
    await steady_capsule(caller, installation.author_key, "1.1.0")
    upstream.answers(broken_off())
    hasty = installation.beside().with_settings(server__drain_seconds=0.5)
    async with serving(hasty) as stopping, at(caller, stopping, server) as client:
        turn = (await client.create_session(capsule=STEADY)).send(ORDER.message)
        told = False
        async for event in turn:
            # Once: what was shown may be void and come again, and a second signal ends it at once.
            if event.text and not told:
                stopping.tell(signal.SIGTERM)
                told = True
        whole = await turn

    assert whole.text == turn.text == ORDER.answer
    assert turn.resumes > 0


async def test_a_part_of_an_answer_that_may_not_be_gone_on_with_is_told_as_a_part(
    installation: Installation, server: Service, caller: Client, upstream: ScriptedUpstream
) -> None:
    upstream.answers(broken_off())
    async with serving(installation.beside()) as dying, at(caller, dying, server) as client:
        turn = (await client.create_session(capsule="plain")).send(ORDER.message)

        await killing(turn, dying, caller)
        with pytest.raises(TurnFailedError) as failed:
            await turn

    assert failed.value.reason == "TURN_ABANDONED"
    assert failed.value.partial_text == turn.text
    assert failed.value.partial_text
    assert ORDER.answer.startswith(failed.value.partial_text)


async def test_a_watcher_whose_server_stops_is_told_that_it_is_unavailable(
    installation: Installation, server: Service, caller: Client, upstream: ScriptedUpstream
) -> None:
    go_on = asyncio.Event()
    upstream.answers(streamed(text("One "), go_on, *answer("two.")))
    async with serving(installation.beside()) as stopping, at(caller, server) as client:
        turn = (await client.create_session(capsule="plain")).send("Count.")
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
        go_on.set()
        rest = [event async for event in events]

    assert broken is not None
    assert broken.code is grpc.StatusCode.UNAVAILABLE
    assert rest[-1].message.completed.text == "One two."
