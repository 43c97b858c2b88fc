"""Tools that others serve over HTTP, from the settings to what a client sees of a call."""

from collections.abc import AsyncGenerator
from pathlib import Path

import orjson
import pytest_asyncio

from adapters.postgres.database import DatabaseSettings
from entrypoints.assembly.secrets import SecretKeeper
from somagent.tools.v1 import tools_pb2 as pb
from somagent.tools.v1 import tools_pb2_grpc as rpc
from tests.e2e.refused import reason_of
from tests.e2e.stage import Metadata, Stage, fresh_id, settings_for, staged
from tests.upstream.scripted import ScriptedUpstream
from tests.upstream.tool_server import ToolServer, http_answer, tool_server

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
SCHEMA = '{"type":"object","properties":{"to":{"type":"string"}},"required":["to"]}'


@pytest_asyncio.fixture
async def tools() -> AsyncGenerator[ToolServer]:
    async with tool_server() as made:
        yield made


@pytest_asyncio.fixture
async def served(
    tmp_path: Path,
    upstream: ScriptedUpstream,
    database_settings: DatabaseSettings,
    tools: ToolServer,
) -> AsyncGenerator[Stage]:
    """A server with the tools `send`, and `pay`, which can be asked and shows a credential."""
    send = {
        "name": "send",
        "description": "Sends.",
        "url": f"{tools.url}/send",
        "input_schema": SCHEMA,
    }
    pay = {
        **send,
        "name": "pay",
        "idempotent": True,
        "status_url": f"{tools.url}/paid/{{key}}",
        "authorization": "secret:payments",
    }
    declared = orjson.dumps([send, pay]).decode()
    settings = settings_for(tmp_path, upstream.base_url, SOMAGENT_TOOLS__HTTP=declared)
    await SecretKeeper(settings).put("secret:payments", "Bearer s3cret")
    async with staged(settings, database_settings) as opened:
        yield opened


def call(slug: str, tool: str = "send", capsule: str = "") -> pb.ExecuteToolRequest:
    return pb.ExecuteToolRequest(
        parent=f"tenants/{slug}",
        tool=tool,
        arguments='{"to":"grace"}',
        capsule=capsule,
        request_id=fresh_id(),
    )


async def made(stage: Stage, caller: Metadata, request: pb.ExecuteToolRequest) -> pb.Invocation:
    """The call as it ended."""
    stub = rpc.ToolServiceStub(stage.channel)
    events = [one async for one in stub.ExecuteTool(request, metadata=caller.pairs)]
    return events[-1].event.ended.invocation


async def test_a_declared_tool_is_listed_with_what_it_does(served: Stage) -> None:
    slug, ada = await served.tenant()

    listed = await rpc.ToolServiceStub(served.channel).ListTools(
        pb.ListToolsRequest(parent=f"tenants/{slug}"), metadata=ada.pairs
    )

    effects = {one.tool: one.effect for one in listed.tools}
    assert effects["send"] == pb.TOOL_EFFECT_AT_MOST_ONCE
    assert effects["pay"] == pb.TOOL_EFFECT_EXACTLY_ONCE


async def test_a_call_reaches_its_tool_under_the_invocations_key(
    served: Stage, tools: ToolServer
) -> None:
    slug, ada = await served.tenant()
    tools.will(http_answer(200, b'{"paid":true}'))

    ended = await made(served, ada, call(slug, "pay"))

    (request,) = tools.received
    assert (ended.state, ended.content) == (pb.INVOCATION_STATE_SUCCEEDED, '{"paid":true}')
    assert request.headers["idempotency-key"] == ended.name.rpartition("/")[2]
    assert request.headers["authorization"] == "Bearer s3cret"


async def test_a_request_that_is_sent_again_reaches_its_tool_once(
    served: Stage, tools: ToolServer
) -> None:
    slug, ada = await served.tenant()
    request = call(slug)

    first = await made(served, ada, request)

    assert await made(served, ada, request) == first
    assert len(tools.received) == 1


async def test_half_an_answer_leaves_the_call_unknown_until_somebody_finds_out(
    served: Stage, tools: ToolServer
) -> None:
    slug, ada = await served.tenant()
    tools.will(HALF)
    lost = await made(served, ada, call(slug))
    assert (lost.state, lost.reason) == (pb.INVOCATION_STATE_UNKNOWN, "TOOL_OUTCOME_UNKNOWN")

    resolved = await rpc.ToolServiceStub(served.channel).ResolveInvocation(
        pb.ResolveInvocationRequest(
            name=lost.name,
            outcome=pb.INVOCATION_OUTCOME_SUCCEEDED,
            note="it was sent",
            request_id=fresh_id(),
        ),
        metadata=ada.pairs,
    )

    assert resolved.invocation.state == pb.INVOCATION_STATE_SUCCEEDED
    assert len(tools.received) == 1


async def test_a_tool_that_can_be_asked_is_asked_where_its_answers_were_lost(
    served: Stage, tools: ToolServer
) -> None:
    slug, ada = await served.tenant()
    tools.will(HALF, HALF, http_answer(200, b'{"status":"succeeded","result":"paid"}'))

    ended = await made(served, ada, call(slug, "pay"))

    assert (ended.state, ended.content) == (pb.INVOCATION_STATE_SUCCEEDED, "paid")
    assert [one.method for one in tools.received] == ["POST", "POST", "GET"]


async def test_arguments_that_do_not_fit_reach_nobody(served: Stage, tools: ToolServer) -> None:
    slug, ada = await served.tenant()
    request = call(slug)
    request.arguments = '{"to":7}'

    assert await reason_of(made(served, ada, request)) == "TOOL_ARGUMENTS_INVALID"
    assert tools.received == []
