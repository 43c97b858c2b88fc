"""A server that is told to stop: what runs may end, nothing new begins, nothing is lost."""

import asyncio
import signal
from contextlib import aclosing

import grpc
import pytest

from somagent.conversation.v1 import conversation_pb2 as pb
from tests.system.client import RefusedError, connect
from tests.system.conversing import (
    ended,
    held_by,
    kinds,
    message,
    open_session,
    said,
    text_of,
    turn_of,
)
from tests.system.installation import Installation, new_capsule, new_tenant
from tests.system.service import http_status, serving, until
from tests.upstream.chunks import answer, text
from tests.upstream.scripted import ScriptedUpstream, streamed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("drain")]


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
        async with aclosing(said(client, message(session))) as stream:
            async for event in stream:
                events.append(event)
                if text_of(events) == "One ":
                    service.tell(signal.SIGTERM)

                    async def drains() -> bool:
                        return await http_status(service.http_address, "/readyz") == 503

                    await until(drains)
                    assert await http_status(service.http_address, "/livez") == 200
                    for again in (client, connect(service.address, client.tenant, client.key)):
                        with pytest.raises(RefusedError) as refused:
                            await turn_of(again, events[0].accepted.turn)
                        assert refused.value.code is grpc.StatusCode.UNAVAILABLE
                    go_on.set()
        assert await service.ended() == 0

    assert events[-1].completed.text == "One two."
    async with serving(installation) as service:
        client = connect(service.address, client.tenant, client.key)
        turn = await turn_of(client, events[0].accepted.turn)
        assert turn.state == pb.TURN_STATE_COMPLETED
        assert await held_by(client) == {}


async def test_a_turn_that_does_not_end_in_time_is_not_lost(
    installation: Installation, upstream: ScriptedUpstream
) -> None:
    hasty = installation.with_settings(server__drain_seconds=0.5)
    async with serving(hasty) as service:
        client = await new_tenant(await installation.operator(service.address), "slow")
        capsule = await new_capsule(client, installation.author_key, "plain")
        session = await open_session(client, capsule)
        upstream.answers(streamed(text("One "), asyncio.Event()))
        events: list[pb.TurnEvent] = []
        try:
            async with aclosing(said(client, message(session))) as stream:
                async for event in stream:
                    events.append(event)
                    if kinds(events)[-1] == "text":
                        service.tell(signal.SIGTERM)
        except RefusedError as error:
            assert error.code is grpc.StatusCode.UNAVAILABLE
        assert await service.ended() == 0
        async with asyncio.timeout(10):
            await upstream.last.left.wait()

    async with serving(installation) as service:
        client = connect(service.address, client.tenant, client.key)
        turn = await ended(client, events[0].accepted.turn)
        assert turn.state in (pb.TURN_STATE_FAILED, pb.TURN_STATE_CANCELLED)
        assert await held_by(client) == {}
        again = [event async for event in said(client, message(session))]
        assert kinds(again)[-1] == "completed"
