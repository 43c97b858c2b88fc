"""The world that most use cases act in, and a server of it."""

import pytest

from tests.inmemory_application import Server
from tests.inmemory_world import World, world


@pytest.fixture
async def shared() -> World:
    return await world()


@pytest.fixture
def server(shared: World) -> Server:
    return Server(world=shared)
