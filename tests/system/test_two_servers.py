"""Two servers on one database: turns are watched, cancelled and continued from either."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import pytest
import pytest_asyncio

from somagent.conversation.v1 import conversation_pb2 as pb
from tests.system.client import PATIENCE_SECONDS, Client, connect, request_id
from tests.system.conversing import (
    answer_to,
    as_bytes,
    cancelled,
    ended,
    held_by,
    kind_of,
    kinds,
    message,
    numbers,
    open_session,
    said,
    seen,
    text_of,
    turn_of,
    watched,
)
from tests.system.installation import Installation, new_capsule, new_tenant
from tests.system.service import Service, serving, until
from tests.upstream.chunks import answer, text
from tests.upstream.scripted import ScriptedUpstream, streamed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("servers")]


@dataclass(frozen=True, slots=True)
class Pair:
    """One caller of one tenant, at each of two servers."""

    a: Client
    b: Client
    first: Service
    second: Service
    session: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def servers(installation: Installation) -> AsyncGenerator[tuple[Service, Service]]:
    async with serving(installation) as first, serving(installation.beside()) as second:
        yield first, second


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def caller(servers: tuple[Service, Service], installation: Installation) -> Client:
    client = await new_tenant(await installation.operator(servers[0].address), "acme")
    await new_capsule(client, installation.author_key, "plain")
    return client


@pytest_asyncio.fixture(loop_scope="module")
async def pair(
    servers: tuple[Service, Service], caller: Client, upstream: ScriptedUpstream
) -> Pair:
    upstream.came.clear()
    first, second = servers
    return Pair(
        a=caller,
        b=connect(second.address, caller.tenant, caller.key),
        first=first,
        second=second,
        session=await open_session(caller, "plain", max_waiting=4),
    )


async def begun(client: Client, session: str, words: str) -> tuple[str, list[pb.TurnEvent]]:
    """Send a message and leave once these words are shown; the turn, and what was seen."""
    events: list[pb.TurnEvent] = []
    async with aclosing(said(client, message(session))) as stream:
        async for event in stream:
            events.append(event)
            if text_of(events) == words:
                return events[0].accepted.turn, events
    raise AssertionError(kinds(events))


async def test_a_client_that_goes_away_does_not_stop_the_turn(
    pair: Pair, upstream: ScriptedUpstream
) -> None:
    go_on = asyncio.Event()
    upstream.answers(streamed(text("One "), text("two "), go_on, *answer("three.")))

    turn, events = await begun(pair.a, pair.session, "One two ")
    assert (await turn_of(pair.a, turn)).state == pb.TURN_STATE_RUNNING
    go_on.set()
    rest = await seen(pair.a, turn, after=3)

    assert (await turn_of(pair.a, turn)).answer == "One two three."
    assert not upstream.last.left.is_set()
    whole = await seen(pair.a, turn)
    assert as_bytes(whole[: len(events)]) == as_bytes(events)
    assert as_bytes(rest) == as_bytes([event for event in whole if event.sequence > 3])
    assert numbers(whole) == list(range(1, len(whole) + 1))


async def test_a_turn_is_watched_live_from_another_server(
    pair: Pair, upstream: ScriptedUpstream
) -> None:
    go_on, end = asyncio.Event(), asyncio.Event()
    upstream.answers(streamed(text("One "), go_on, text("two "), end, *answer("three.")))
    turn, _ = await begun(pair.a, pair.session, "One ")

    events: list[pb.TurnEvent] = []
    async with aclosing(watched(pair.b, turn)) as stream:
        async for event in stream:
            events.append(event)
            if text_of(events) == "One ":
                go_on.set()
            if text_of(events) == "One two ":
                assert (await turn_of(pair.b, turn)).state == pb.TURN_STATE_RUNNING
                end.set()

    assert events[-1].completed.text == "One two three."
    assert numbers(events) == list(range(1, len(events) + 1))
    assert as_bytes(events) == as_bytes(await seen(pair.a, turn))


async def test_a_turn_is_cancelled_from_another_server_and_the_models_socket_closed(
    pair: Pair, upstream: ScriptedUpstream
) -> None:
    upstream.answers(streamed(text("One "), asyncio.Event()))
    turn, _ = await begun(pair.a, pair.session, "One ")
    exchange = upstream.last

    request = pb.CancelTurnRequest(name=turn, request_id=request_id())

    assert (await cancelled(pair.b, request)).state == pb.TURN_STATE_CANCELLED
    async with asyncio.timeout(PATIENCE_SECONDS):
        await exchange.left.wait()
    assert kinds(await seen(pair.b, turn))[-1] == "cancelled"
    again = (await pair.b.ask(request, pb.CancelTurnResponse)).turn
    assert again.state == pb.TURN_STATE_CANCELLED
    assert await held_by(pair.a) == {}


async def test_a_message_that_waited_on_one_server_is_driven_there_after_the_others_turn(
    pair: Pair, upstream: ScriptedUpstream
) -> None:
    go_on = asyncio.Event()
    upstream.answers(streamed(text("One "), go_on, *answer("two.")), streamed(*answer("Three.")))
    turn, _ = await begun(pair.a, pair.session, "One ")
    waiting = asyncio.create_task(answer_to(pair.b, pair.session, "And then?"))

    async def waits() -> bool:
        request = pb.GetSessionRequest(name=pair.session)
        return (await pair.a.ask(request, pb.GetSessionResponse)).session.waiting == 1

    await until(waits)
    assert len(await _turns(pair.a, pair.session)) == 2
    go_on.set()
    events = await waiting

    assert (await ended(pair.a, turn)).answer == "One two."
    assert events[0].accepted.queued
    assert events[-1].completed.text == "Three."
    messages = upstream.last.body["messages"]
    assert isinstance(messages, list)
    assert {"role": "assistant", "content": "One two."} in messages
    assert await held_by(pair.a) == {}


async def test_a_message_that_waits_is_cancelled_from_the_other_server(
    pair: Pair, upstream: ScriptedUpstream
) -> None:
    go_on = asyncio.Event()
    upstream.answers(streamed(text("One "), go_on, *answer("two.")))
    turn, _ = await begun(pair.a, pair.session, "One ")
    waiting = asyncio.create_task(answer_to(pair.a, pair.session, "And then?"))

    async def waits() -> bool:
        return len(await _turns(pair.a, pair.session)) == 2

    await until(waits)
    newest = (await _turns(pair.a, pair.session))[0]
    assert newest.state == pb.TURN_STATE_QUEUED
    request = pb.CancelTurnRequest(name=newest.name, request_id=request_id())
    found = await cancelled(pair.b, request)
    go_on.set()

    assert found.state == pb.TURN_STATE_CANCELLED
    assert kind_of((await waiting)[-1]) == "cancelled"
    assert (await ended(pair.a, turn)).answer == "One two."
    assert await held_by(pair.a) == {}


async def _turns(client: Client, session: str) -> list[pb.Turn]:
    listed = await client.ask(pb.ListTurnsRequest(parent=session), pb.ListTurnsResponse)
    return list(listed.turns)


async def test_the_same_request_to_both_servers_is_one_turn(
    pair: Pair, upstream: ScriptedUpstream
) -> None:
    go_on = asyncio.Event()
    upstream.answers(streamed(text("One "), go_on, *answer("two.")))
    calls = len(upstream.exchanges)
    request = message(pair.session)

    async def whole(client: Client) -> list[pb.TurnEvent]:
        return [event async for event in said(client, request)]

    both = asyncio.gather(*(whole(client) for client in (pair.a, pair.b, pair.a, pair.b)))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await upstream.came.wait()
    go_on.set()
    first, *others = await both

    assert first[-1].completed.text == "One two."
    assert all(as_bytes(one) == as_bytes(first) for one in others)
    assert len(upstream.exchanges) == calls + 1
