"""The client at a real server, over connections that are cut, refused or half-open."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from functools import partial

import pytest
import pytest_asyncio

from somagent_client import (
    Event,
    NotFoundError,
    OutOfRangeError,
    SomaAgent,
    Transport,
    Turn,
    UnauthenticatedError,
)
from tests.sdk.gate import Gate, gate_to
from tests.system.client import Client
from tests.system.conversing import as_bytes, seen
from tests.system.installation import Installation
from tests.system.service import Service, serving, until
from tests.upstream.chunks import answer, text
from tests.upstream.scripted import ScriptedUpstream, streamed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("sdk-connections")]

QUICK = Transport(keepalive_seconds=0.5, keepalive_timeout_seconds=2.0)
PATIENCE = 240.0


@pytest_asyncio.fixture(loop_scope="module")
async def gate(server: Service) -> AsyncGenerator[Gate]:
    async with gate_to(server.address) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def client(gate: Gate, caller: Client) -> AsyncGenerator[SomaAgent]:
    async with SomaAgent(
        gate.address, tenant=caller.tenant, key=caller.key, transport=QUICK
    ) as opened:
        yield opened


async def followed(
    turn: Turn, go: asyncio.Event, harm: Callable[[], Awaitable[None]]
) -> list[Event]:
    """All events of a turn whose way is harmed once its first word is shown."""
    events: list[Event] = []
    async with asyncio.timeout(PATIENCE):
        async for event in turn:
            events.append(event)
            if event.text == "One ":
                await harm()
                go.set()
    return events


async def all_of(turn: Turn) -> list[Event]:
    async with asyncio.timeout(PATIENCE):
        return [event async for event in turn]


def harms(gate: Gate) -> Mapping[str, Callable[[], None]]:
    return {
        "cut": gate.cut,
        "half-open": gate.block,
        "cut in mid-message": partial(gate.cut_after, 20),
    }


@pytest.mark.parametrize("harm", ["cut", "half-open", "cut in mid-message"])
async def test_a_turn_is_followed_to_its_end_over_a_harmed_connection(
    harm: str, client: SomaAgent, caller: Client, gate: Gate, upstream: ScriptedUpstream
) -> None:
    go = asyncio.Event()
    upstream.answers(streamed(text("One "), go, text("two "), *answer("three.")))
    session = await client.create_session(capsule="plain")
    before = gate.connections
    turn = session.send("Count")

    async def harming() -> None:
        harms(gate)[harm]()

    events = await followed(turn, go, harming)

    assert events[-1].message.completed.text == turn.text == "One two three."
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    stored = as_bytes(await seen(caller, turn.name))
    assert as_bytes([event.message for event in events]) == stored
    assert gate.connections > before


async def test_a_turn_goes_on_by_another_way_when_one_is_refused(
    gate: Gate, server: Service, caller: Client, upstream: ScriptedUpstream
) -> None:
    go = asyncio.Event()
    upstream.answers(streamed(text("One "), go, text("two "), *answer("three.")))
    servers = f"{gate.address},{server.address}"
    async with SomaAgent(servers, tenant=caller.tenant, key=caller.key) as client:
        session = await client.create_session(capsule="plain")
        turn = session.send("Count")

        async def harming() -> None:
            gate.close()

        events = await followed(turn, go, harming)

    assert events[-1].message.completed.text == turn.text == "One two three."
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))


async def test_a_turn_is_followed_over_connections_that_get_too_old(
    installation: Installation, caller: Client, upstream: ScriptedUpstream
) -> None:
    hasty = installation.beside().with_settings(
        server__max_connection_age_seconds=0.5, server__max_connection_age_grace_seconds=0.1
    )
    async with (
        serving(hasty) as old,
        gate_to(old.address) as gate,
        SomaAgent(gate.address, tenant=caller.tenant, key=caller.key) as client,
    ):
        go = asyncio.Event()
        upstream.answers(streamed(text("One "), go, *answer("two.")))
        session = await client.create_session(capsule="plain")
        before = gate.connections

        async def twice_again() -> bool:
            return gate.connections >= before + 2

        turn = session.send("Count")
        following = asyncio.create_task(all_of(turn))
        await until(twice_again, PATIENCE)
        go.set()
        events = await following

    assert events[-1].message.completed.text == "One two."
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))


async def test_a_session_is_opened_once_however_often_its_answer_is_lost(
    client: SomaAgent, gate: Gate, caller: Client
) -> None:
    gate.cut_after(40)

    session = await client.create_session(capsule="plain")

    assert session.name.startswith(f"tenants/{caller.tenant}/sessions/")
    assert gate.connections > 1


async def test_a_key_that_is_not_known_is_told_at_once(gate: Gate) -> None:
    async with SomaAgent(gate.address, tenant="acme", key="sk_nobody") as client:
        with pytest.raises(UnauthenticatedError) as refused:
            await client.create_session(capsule="plain")

    assert refused.value.reason == "UNAUTHENTICATED"
    assert gate.connections == 1


async def test_a_resume_beyond_the_end_is_refused(
    client: SomaAgent, upstream: ScriptedUpstream
) -> None:
    upstream.answers(streamed(*answer("One.")))
    answered = await (await client.create_session(capsule="plain")).ask("Count")

    with pytest.raises(OutOfRangeError) as refused:
        await client.turn(answered.turn, after_sequence=1000)

    assert refused.value.reason == "SEQUENCE_OUT_OF_RANGE"


async def test_a_turn_that_is_not_there_is_told_with_its_name(client: SomaAgent) -> None:
    nobody = f"{client.parent}/sessions/{'0' * 8}-0000-7000-8000-{'0' * 12}"
    with pytest.raises(NotFoundError) as refused:
        await client.session(nobody).ask("Hello")

    assert refused.value.reason == "SESSION_NOT_FOUND"


async def test_a_message_repeated_under_its_id_is_the_turn_of_then(
    client: SomaAgent, upstream: ScriptedUpstream
) -> None:
    upstream.answers(streamed(*answer("One.")))
    session = await client.create_session(capsule="plain")
    name = "0198f2a0-0000-7000-8000-000000000003"
    calls = len(upstream.exchanges)

    first = await session.send("Count", request_id=name)
    again = await session.send("Count", request_id=name)

    assert first == again
    assert len(upstream.exchanges) == calls + 1
