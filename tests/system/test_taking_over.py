"""A server is killed, or stopped beyond its lease: the other one goes on with its turns."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from functools import partial

import pytest
import pytest_asyncio

from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.tools.v1 import tools_pb2
from tests.system.client import PATIENCE_SECONDS, Client, RefusedError, connect
from tests.system.conversing import (
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
    usage_of,
    watched,
)
from tests.system.installation import Installation, new_capsule, new_tenant
from tests.system.service import Service, serving, until
from tests.upstream.chunks import call, text
from tests.upstream.scripted import NOTHING, ScriptedUpstream, streamed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("taking over")]


@dataclass(slots=True)
class Interrupted:
    """A turn that one server answers, that has come to `One two `, and that is watched at both."""

    first: Service
    a: Client
    b: Client
    session: str
    turn: str = ""
    at_a: list[pb.TurnEvent] = field(default_factory=list[pb.TurnEvent])
    at_b: list[pb.TurnEvent] = field(default_factory=list[pb.TurnEvent])
    watchers: list[asyncio.Task[RefusedError | None]] = field(
        default_factory=list[asyncio.Task[RefusedError | None]]
    )


@pytest_asyncio.fixture(loop_scope="module")
async def interrupted(
    installation: Installation, upstream: ScriptedUpstream
) -> AsyncGenerator[Interrupted]:
    async with serving(installation) as first, serving(installation.beside()) as second:
        operator = await installation.operator(first.address)
        a = await new_tenant(operator, f"acme{len(upstream.exchanges)}")
        capsule = await new_capsule(a, installation.author_key, "plain", on_interruption="continue")
        made = Interrupted(
            first=first,
            a=a,
            b=connect(second.address, a.tenant, a.key),
            session=await open_session(a, capsule),
        )
        upstream.answers(streamed(text("One "), text("two "), asyncio.Event()))
        stream = said(made.a, message(made.session))
        made.watchers.append(asyncio.create_task(followed(stream, made.at_a)))
        await until(partial(_shown, made.at_a))
        made.turn = made.at_a[0].accepted.turn
        stream = watched(made.b, made.turn)
        made.watchers.append(asyncio.create_task(followed(stream, made.at_b)))
        await until(partial(_shown, made.at_b))
        yield made
        for watcher in made.watchers:
            watcher.cancel()
        await asyncio.gather(*made.watchers, return_exceptions=True)


async def _shown(events: list[pb.TurnEvent]) -> bool:
    return text_of(events) == "One two "


async def test_a_killed_server_s_turn_is_answered_by_the_other_and_its_watchers_see_it_whole(
    interrupted: Interrupted, upstream: ScriptedUpstream
) -> None:
    _, watcher = interrupted.watchers

    await interrupted.first.kill()
    assert await watcher is None

    events = interrupted.at_b
    turn = await ended(interrupted.b, interrupted.turn)
    assert turn.answer == "One two Good day."
    assert text_of(events) == events[-1].completed.text == turn.answer
    assert kinds(events).count("restarted") == 1
    assert kinds(events).count("accepted") == 1
    assert numbers(events) == list(range(1, events[-1].sequence + 1))
    assert as_bytes(events) == as_bytes(await seen(interrupted.b, interrupted.turn))
    messages = upstream.last.body["messages"]
    assert isinstance(messages, list)
    assert {"role": "assistant", "content": "One two "} in messages
    assert await held_by(interrupted.b) == {}
    used = (await usage_of(interrupted.b))["METRIC_TOKENS"].spent
    assert used == turn.usage.prompt_tokens + turn.usage.completion_tokens
    assert kinds(await answer_to(interrupted.b, interrupted.session))[-1] == "completed"


async def test_a_server_that_wakes_after_its_lease_shows_calls_and_writes_nothing_more(
    interrupted: Interrupted, upstream: ScriptedUpstream
) -> None:
    called = upstream.last

    interrupted.first.tell(signal.SIGSTOP)
    try:
        turn = await ended(interrupted.b, interrupted.turn)
        calls = len(upstream.exchanges)
    finally:
        interrupted.first.tell(signal.SIGCONT)
    at_a, at_b = await asyncio.gather(*interrupted.watchers)

    assert turn.answer == "One two Good day."
    assert (at_a, at_b) == (None, None)
    whole = as_bytes(await seen(interrupted.b, interrupted.turn))
    assert as_bytes(interrupted.at_b) == whole
    assert as_bytes(interrupted.at_a) == whole
    async with asyncio.timeout(PATIENCE_SECONDS):
        await called.left.wait()
    assert len(upstream.exchanges) == calls
    assert await ended(interrupted.a, interrupted.turn) == turn
    assert await held_by(interrupted.a) == {}
    assert kinds(await answer_to(interrupted.a, interrupted.session))[-1] == "completed"


async def test_a_tool_that_took_effect_before_its_server_was_killed_is_not_called_again(
    installation: Installation, upstream: ScriptedUpstream
) -> None:
    async with serving(installation) as first, serving(installation.beside()) as second:
        a = await new_tenant(await installation.operator(first.address), "effects")
        capsule = await new_capsule(a, installation.author_key, "notes", tools=["note_write"])
        session = await open_session(a, capsule)
        written = await note_written(a, session, upstream)
        b = connect(second.address, a.tenant, a.key)

        await first.kill()
        turn = await ended(b, written)

        assert (turn.state, turn.answer) == (pb.TURN_STATE_COMPLETED, "Good day.")
        assert turn.usage.tool_calls == 1
        listed = tools_pb2.ListInvocationsRequest(parent=b.parent)
        invocations = (await b.ask(listed, tools_pb2.ListInvocationsResponse)).invocations
        assert [one.state for one in invocations] == [tools_pb2.INVOCATION_STATE_SUCCEEDED]
        messages = upstream.last.body["messages"]
        assert isinstance(messages, list)
        assert isinstance(last := messages[-1], dict)
        assert last["role"] == "tool"
        assert await held_by(b) == {}


async def note_written(client: Client, session: str, upstream: ScriptedUpstream) -> str:
    """A turn that has written a note, and whose model says nothing after it."""
    upstream.answers(streamed(*call("note_write", '{"text":"Buy milk"}')), NOTHING)
    before = len(upstream.exchanges)
    events: list[pb.TurnEvent] = []
    following = asyncio.create_task(followed(said(client, message(session)), events))

    async def is_asked_again() -> bool:
        return len(upstream.exchanges) == before + 2

    await until(is_asked_again)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    return events[0].accepted.turn
