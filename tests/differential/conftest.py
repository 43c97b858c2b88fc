"""The kernel that is held against the model."""

from collections.abc import AsyncGenerator, Callable
from typing import TypeAlias

import pytest

from adapters.postgres.database import Database
from tests.contract.inmemory_kernel import inmemory_kernel
from tests.contract.kernel import Kernel
from tests.contract.postgres_kernel import postgres_kernel
from tests.differential.twins import Twins
from tests.differential.world import World
from tests.fakes import CountingIdentifiers

NewTwins: TypeAlias = Callable[[int], Twins]


@pytest.fixture
async def subject(fresh_database: Database) -> AsyncGenerator[Kernel]:
    async with postgres_kernel(fresh_database) as opened:
        yield opened


@pytest.fixture
def new_twins(subject: Kernel, request: pytest.FixtureRequest) -> NewTwins:
    """Makes an empty model beside the subject, and two tenants that are new to both.

    It is told how many sessions each of them has.
    """
    identifiers = CountingIdentifiers(request.node.nodeid)
    return lambda sessions: Twins(inmemory_kernel(), subject, World.new(identifiers, sessions))
