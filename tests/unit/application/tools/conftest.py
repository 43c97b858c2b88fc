"""A world with the tools that calls by themselves are made of."""

import pytest

from tests.doubles import answers
from tests.inmemory_world import World, world


@pytest.fixture
async def shared() -> World:
    """With one tool without effects, and one whose effect can be made once only."""
    shared = await world()
    shared.tools.have("clock", answers("noon"))
    shared.tools.have("send", answers("sent"), effect=True)
    return shared
