"""A server that is told to stop: what runs may end, nothing new begins, nothing is lost."""

import asyncio
import signal
from functools import partial

import grpc
import pytest

from somagent.conversation.v1 import conversation_pb2 as pb
from tests.system.client import PATIENCE_SECONDS, Client, RefusedError, connect
from tests.system.conversing import (
    ended,
    followed,
    held_by,
    kinds,
    message,
    open_session,
    said,
    turn_of,
)
from tests.system.installation import Installation, new_capsule, new_tenant
from tests.system.service import http_status, serving, until
from tests.upstream.chunks import answer, text
from tests.upstream.scripted import ScriptedUpstream, streamed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("drain")]


async def _says(http_address: str, status: int, path: str = "/readyz") -> bool:
    return await http_status(http_address, path) == status


async def test_the_turn_that_runs_is_completed_and_new_calls_are_refused(
    installation: Installation, upstream: ScriptedUpstream
) -> None:
    go_on = asyncio.Event()
    async with serving(installation) as service:
        client = await new_tenant(await installation.operator(service.address), "acme")
        capsule = await new_capsule(client, installation.author_key, "plain")
        session = await open_session(client, capsule)
        upstream.answers(streamed(text("One "), go_on, *answer("two.")))
        events: list[pb.TurnEvent] = []

        async def drain_at_the_first_word(event: pb.TurnEvent) -> None:
            if event.text.delta != "One ":
                return
            service.tell(signal.SIGTERM)
            await until(partial(_says, service.http_address, 503))
            await until(partial(_says, service.http_address, 200, "/livez"))
            for again in (client, connect(service.address, client.tenant, client.key)):
                with pytest.raises(RefusedError) as refused:
                    await turn_of(again, events[0].accepted.turn)
                assert refused.value.code is grpc.StatusCode.UNAVAILABLE
            go_on.set()

        assert not await followed(said(client, message(session)), events, drain_at_the_first_word)
        assert await service.ended() == 0

    assert events[-1].completed.text == "One two."
    async with serving(installation) as service:
        client = connect(service.address, client.tenant, client.key)
        turn = await turn_of(client, events[0].accepted.turn)
        assert turn.state == pb.TURN_STATE_COMPLETED
        assert await held_by(client) == {}


async def test_a_message_that_waits_is_answered_here_or_by_the_next_server(
    installation: Installation, upstream: ScriptedUpstream
) -> None:
    go_on = asyncio.Event()
    async with serving(installation) as service:
        client = await new_tenant(await installation.operator(service.address), "queue")
        capsule = await new_capsule(client, installation.author_key, "plain")
        session = await open_session(client, capsule)
        upstream.answers(
            streamed(text("One "), go_on, *answer("two.")), streamed(*answer("Three."))
        )
        events: list[pb.TurnEvent] = []
        first = asyncio.create_task(followed(said(client, message(session)), events))
        await until(partial(_has_begun, events))
        second = asyncio.create_task(followed(said(client, message(session)), []))
        await until(partial(_waits, client, session))
        service.tell(signal.SIGTERM)
        await until(partial(_says, service.http_address, 503))
        go_on.set()
        assert await service.ended() == 0
        await asyncio.gather(first, second)

    async with serving(installation) as service:
        client = connect(service.address, client.tenant, client.key)
        listed = await client.ask(pb.ListTurnsRequest(parent=session), pb.ListTurnsResponse)
        turns = [await ended(client, one.name) for one in listed.turns]
        assert [one.answer for one in turns] == ["Three.", "One two."]
        assert await held_by(client) == {}


async def _has_begun(events: list[pb.TurnEvent]) -> bool:
    return bool(events) and bool(events[-1].text.delta)


async def _waits(client: Client, session: str) -> bool:
    request = pb.GetSessionRequest(name=session)
    return (await client.ask(request, pb.GetSessionResponse)).session.waiting == 1


async def test_a_turn_that_does_not_end_in_time_is_not_lost(
    installation: Installation, upstream: ScriptedUpstream
) -> None:
    hasty = installation.with_settings(server__drain_seconds=0.5)
    async with serving(hasty) as service:
        client = await new_tenant(await installation.operator(service.address), "slow")
        capsule = await new_capsule(
            client, installation.author_key, "plain", on_interruption="continue"
        )
        session = await open_session(client, capsule)
        upstream.answers(streamed(text("One "), asyncio.Event()))
        events: list[pb.TurnEvent] = []

        async def stop_at_the_first_word(event: pb.TurnEvent) -> None:
            if event.text.delta:
                service.tell(signal.SIGTERM)

        refused = await followed(said(client, message(session)), events, stop_at_the_first_word)
        assert refused is None or refused.code is grpc.StatusCode.UNAVAILABLE
        assert await service.ended() == 0
        async with asyncio.timeout(PATIENCE_SECONDS):
            await upstream.last.left.wait()

    async with serving(installation) as service:
        client = connect(service.address, client.tenant, client.key)
        turn = await ended(client, events[0].accepted.turn)
        assert turn.state == pb.TURN_STATE_COMPLETED
        assert turn.answer.endswith("Good day.")
        assert await held_by(client) == {}
        again = [event async for event in said(client, message(session))]
        assert kinds(again)[-1] == "completed"
