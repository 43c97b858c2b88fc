"""A server that is lost, and another one of the same world."""

import pytest

from tests.inmemory_application import Server
from tests.inmemory_world import World


@pytest.fixture
def lost(shared: World) -> Server:
    return Server(world=shared, name="lost")


@pytest.fixture
def other(shared: World) -> Server:
    return Server(world=shared, name="other")
