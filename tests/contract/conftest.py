"""The kernels that a suite is run against."""

from collections.abc import AsyncGenerator

import pytest

from adapters.postgres.database import DatabaseSettings, open_database
from tests.contract.commands import Commands
from tests.contract.inmemory_kernel import inmemory_kernel
from tests.contract.kernel import Kernel
from tests.contract.postgres_kernel import postgres_kernel
from tests.contract.scene import Scene
from tests.fakes import CountingIdentifiers


@pytest.fixture(params=["inmemory", pytest.param("postgres", marks=pytest.mark.postgres)])
def storage(request: pytest.FixtureRequest) -> DatabaseSettings | None:
    """The database of a kernel; None for one in process memory."""
    if request.param == "inmemory":
        return None
    settings: DatabaseSettings = request.getfixturevalue("database_settings")
    return settings


@pytest.fixture(params=["inmemory", pytest.param("postgres", marks=pytest.mark.postgres)])
def kept_in(request: pytest.FixtureRequest) -> DatabaseSettings | None:
    """A database of one's own; None for process memory."""
    if request.param == "inmemory":
        return None
    settings: DatabaseSettings = request.getfixturevalue("fresh_settings")
    return settings


@pytest.fixture
async def kernel(storage: DatabaseSettings | None) -> AsyncGenerator[Kernel]:
    if storage is None:
        yield inmemory_kernel()
        return
    async with open_database(storage) as database, postgres_kernel(database) as opened:
        yield opened


@pytest.fixture
def ask(request: pytest.FixtureRequest) -> Commands:
    """Commands about a tenant that no other test has."""
    return Commands.fresh(CountingIdentifiers(request.node.nodeid))


@pytest.fixture
async def scene(kernel: Kernel, ask: Commands) -> Scene:
    await kernel.administrator.open_tenant(ask.tenant_id)
    await kernel.administrator.open_session(ask.session())
    made = Scene(kernel, ask)
    await made.limit(ask.account, 1000)
    return made
