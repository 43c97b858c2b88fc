"""A server that is killed, and a database that is, in the middle of a streamed answer."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from somagent.conversation.v1 import conversation_pb2 as pb
from tests.system.client import PATIENCE_SECONDS, Client, RefusedError, connect
from tests.system.conftest import QUICK
from tests.system.conversing import (
    ENDED,
    answer_to,
    as_bytes,
    ended,
    followed,
    held_by,
    kinds,
    message,
    numbers,
    open_session,
    said,
    seen,
    text_of,
    turn_of,
    usage_of,
)
from tests.system.installation import (
    Installation,
    Model,
    embedded_installation,
    new_capsule,
    new_tenant,
)
from tests.system.service import Service, kill, serving, until
from tests.upstream.chunks import answer, text
from tests.upstream.scripted import ScriptedUpstream, streamed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("crash")]

AWAY = (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")


@pytest.fixture(scope="module")
def carried(upstream: ScriptedUpstream) -> Generator[Installation]:
    """An installation with a PostgreSQL of its own."""
    models = [Model(name="main", base_url=upstream.base_url)]
    with embedded_installation(models) as made:
        yield made.with_settings(**QUICK, database__connect_seconds=5, database__wait_seconds=10)


@dataclass(frozen=True, slots=True)
class Aftermath:
    """A server was killed while one turn streamed and one waited; another one serves now."""

    client: Client
    session: str
    request: pb.ProcessMessageRequest
    turn: str
    waiting: str
    shown: list[pb.TurnEvent]
    ending: RefusedError
    upstream_left: bool
    postmasters: tuple[int, int]
    service: Service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def aftermath(carried: Installation, upstream: ScriptedUpstream) -> AsyncGenerator[Aftermath]:
    async with serving(carried) as first:
        operator = await carried.operator(first.address)
        client = await new_tenant(operator, "acme")
        capsule = await new_capsule(
            client, await carried.author(), "plain", on_interruption="continue"
        )
        session = await open_session(client, capsule)
        never = asyncio.Event()
        upstream.answers(streamed(text("One "), text("two "), never))
        request = message(session)
        shown: list[pb.TurnEvent] = []
        following = asyncio.create_task(followed(said(client, request), shown))

        async def both_words_are_shown() -> bool:
            return text_of(shown) == "One two "

        await until(both_words_are_shown)
        waiting = await _queued(client, session)
        before = postmaster_of(carried)
        await first.kill()
        ending = await following
        assert ending is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        await upstream.last.left.wait()
    async with serving(carried) as second:
        yield Aftermath(
            client=connect(second.address, client.tenant, client.key),
            session=session,
            request=request,
            turn=shown[0].accepted.turn,
            waiting=waiting,
            shown=shown,
            ending=ending,
            upstream_left=upstream.last.left.is_set(),
            postmasters=(before, postmaster_of(carried)),
            service=second,
        )


async def _queued(client: Client, session: str) -> str:
    """The name of a turn that waits for the one before."""
    task = asyncio.create_task(answer_to(client, session, "And then?"))
    found = pb.ListTurnsResponse()

    async def listed() -> bool:
        nonlocal found
        found = await client.ask(pb.ListTurnsRequest(parent=session), pb.ListTurnsResponse)
        return len(found.turns) > 1

    await until(listed)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return found.turns[0].name


def postmaster_of(installation: Installation) -> int:
    data = Path(installation.environment["SOMAGENT_DATABASE__DATA_FOLDER"], "data")
    return int((data / "postmaster.pid").read_text().splitlines()[0])


async def test_the_client_learns_that_the_server_is_gone(aftermath: Aftermath) -> None:
    assert aftermath.ending.code is grpc.StatusCode.UNAVAILABLE
    assert aftermath.upstream_left


async def test_the_embedded_database_survives_and_is_adopted(aftermath: Aftermath) -> None:
    before, after = aftermath.postmasters
    assert after == before


async def test_the_turn_is_answered_by_the_next_server_and_settled(aftermath: Aftermath) -> None:
    turn = await ended(aftermath.client, aftermath.turn)
    await ended(aftermath.client, aftermath.waiting)

    assert turn.state == pb.TURN_STATE_COMPLETED
    assert turn.answer.endswith("Good day.")
    assert turn.usage.estimated
    assert turn.usage.prompt_tokens > 0
    assert await held_by(aftermath.client) == {}
    assert (await usage_of(aftermath.client))["METRIC_TOKENS"].spent > 0


async def test_a_message_that_waited_is_answered(aftermath: Aftermath) -> None:
    turn = await ended(aftermath.client, aftermath.waiting)

    assert (turn.state, turn.answer) == (pb.TURN_STATE_COMPLETED, "Good day.")


async def test_its_events_can_be_read_from_the_first_and_from_any(aftermath: Aftermath) -> None:
    await ended(aftermath.client, aftermath.turn)

    events = await seen(aftermath.client, aftermath.turn)

    assert numbers(events) == list(range(1, events[-1].sequence + 1))
    assert text_of(events) == events[-1].completed.text
    (place,) = [at for at, kind in enumerate(kinds(events)) if kind == "restarted"]
    void = events[place].restarted
    assert void.first_sequence <= aftermath.shown[-1].sequence + 1
    assert void.last_sequence >= aftermath.shown[-1].sequence
    kept = [event for event in aftermath.shown if event.sequence < void.first_sequence]
    assert as_bytes(events[: len(kept)]) == as_bytes(kept)
    for after in (event.sequence for event in events[:-1]):
        rest = [event for event in events if event.sequence > after]
        assert as_bytes(await seen(aftermath.client, aftermath.turn, after)) == as_bytes(rest)
    resumed = await seen(aftermath.client, aftermath.turn, aftermath.shown[-1].sequence)
    assert as_bytes(resumed) == as_bytes(events[place:])


async def test_the_same_request_gives_the_same_turn(aftermath: Aftermath) -> None:
    await ended(aftermath.client, aftermath.turn)

    again = [event async for event in said(aftermath.client, aftermath.request)]

    assert again[-1].completed.text.endswith("Good day.")
    assert as_bytes(again) == as_bytes(await seen(aftermath.client, aftermath.turn))


async def test_the_next_message_works(aftermath: Aftermath) -> None:
    await ended(aftermath.client, aftermath.waiting)

    events = await answer_to(aftermath.client, aftermath.session)

    assert kinds(events)[-1] == "completed"
    assert text_of(events) == events[-1].completed.text == "Good day."


async def test_a_killed_database_comes_back_and_the_turn_ends(
    aftermath: Aftermath, carried: Installation, upstream: ScriptedUpstream
) -> None:
    client, go_on = aftermath.client, asyncio.Event()
    await ended(client, aftermath.waiting)
    upstream.answers(streamed(text("One "), go_on, *answer("two.")))
    dead = postmaster_of(carried)
    events: list[pb.TurnEvent] = []

    async def kill_the_database(event: pb.TurnEvent) -> None:
        if event.text.delta == "One ":
            kill(dead)
            go_on.set()

    broken_off = await followed(said(client, message(aftermath.session)), events, kill_the_database)
    assert broken_off is None or broken_off.told == AWAY
    turn = events[0].accepted.turn
    await until(partial(_has_ended, client, turn))

    assert postmaster_of(carried) != dead
    assert await held_by(client) == {}
    stored = await seen(client, turn)
    assert kinds(stored)[-1] in {"completed", "failed"}
    assert numbers(stored) == list(range(1, stored[-1].sequence + 1))
    assert kinds(await answer_to(client, aftermath.session))[-1] == "completed"
    assert aftermath.service.process.returncode is None


async def _has_ended(client: Client, turn: str) -> bool:
    """Whether it has; not yet, while the database is away."""
    try:
        return (await turn_of(client, turn)).state in ENDED
    except RefusedError as refused:
        if refused.told != AWAY:
            raise
        return False


async def test_two_services_on_one_folder_share_its_database(
    aftermath: Aftermath, carried: Installation
) -> None:
    pid = postmaster_of(carried)
    async with serving(carried.beside()) as service:
        assert await service.stop() == 0

    assert postmaster_of(carried) == pid
    assert (await turn_of(aftermath.client, aftermath.turn)).state == pb.TURN_STATE_COMPLETED
