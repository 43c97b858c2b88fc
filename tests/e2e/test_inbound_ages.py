"""A call that was asked for before any request id that is still known is not made."""

from datetime import timedelta

import pytest

from somagent.tools.v1 import tools_pb2
from somagent.tools.v1.tools_pb2_grpc import ToolServiceStub
from tests.e2e.inbound import TOOLS, Inbound, tool_requested
from tests.e2e.stage import Stage


@pytest.fixture
async def inbound(stage: Stage) -> Inbound:
    slug, ada = await stage.tenant()
    return Inbound(stage=stage, slug=slug, caller=ada, capsule=await stage.capsule(slug, ada))


async def test_a_call_that_is_older_than_request_ids_are_kept_rests_and_is_not_made(
    inbound: Inbound,
) -> None:
    now = inbound.stage.process.application.system().clock.now()
    ages = {"old": timedelta(hours=48), "new": timedelta(hours=46)}
    for key, age in ages.items():
        value = tool_requested(inbound.slug, '{"expression": "6 * 7"}')
        written_at = round((now - age).timestamp() * 1000)
        inbound.put(value, key=key, topic=TOOLS, written_at=written_at)

    async with inbound.consuming():
        await inbound.until_done(2)

    assert {one.key: one.reason for one in await inbound.letters()} == {b"old": "REQUEST_EXPIRED"}
    found = await ToolServiceStub(inbound.stage.channel).ListInvocations(
        tools_pb2.ListInvocationsRequest(parent=f"tenants/{inbound.slug}"),
        metadata=inbound.caller.pairs,
    )
    assert [one.state for one in found.invocations] == [tools_pb2.INVOCATION_STATE_SUCCEEDED]
