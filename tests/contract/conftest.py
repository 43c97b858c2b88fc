"""The kernels that a suite is run against."""

from collections.abc import AsyncGenerator

import pytest

from tests.contract.commands import Commands
from tests.contract.inmemory_kernel import inmemory_kernel
from tests.contract.kernel import Kernel
from tests.contract.scene import Scene
from tests.fakes import CountingIdentifiers


@pytest.fixture(params=["inmemory"])
async def kernel(request: pytest.FixtureRequest) -> AsyncGenerator[Kernel]:
    yield inmemory_kernel()


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
