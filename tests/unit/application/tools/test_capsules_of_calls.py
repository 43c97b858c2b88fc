"""A call by itself and the capsule that it was made under."""

import pytest

from application.tools.execute_tool import CallTerms
from tests.builders import CAPSULE_VERSION
from tests.doubles import answers
from tests.inmemory_application import Server
from tests.inmemory_world import World, world
from tests.unit.application.tools.calls import command, shown


@pytest.fixture
async def shared() -> World:
    shared = await world()
    shared.tools.have("send", answers("sent"), effect=True)
    return shared


@pytest.fixture
def server(shared: World) -> Server:
    return Server(world=shared)


async def test_a_call_keeps_the_version_of_its_capsule(server: Server) -> None:
    terms = CallTerms(capsule="greeter", version=CAPSULE_VERSION)

    ended = (await shown(server, command(terms=terms)))[-1].invocation

    assert ended.capsule_version_id == CAPSULE_VERSION
