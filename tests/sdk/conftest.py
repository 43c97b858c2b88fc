"""Scripted services for tests of the client alone, and what the tests of whole servers share."""

from collections.abc import AsyncGenerator

import pytest_asyncio

from tests.system.client import Client
from tests.system.conftest import installation, upstream
from tests.system.installation import Installation, new_capsule, new_tenant
from tests.system.service import Service as Process
from tests.system.service import serving as serving_process
from tests.unit.entrypoints.cli.service import Service, serving

__all__ = ["installation", "upstream"]


@pytest_asyncio.fixture
async def service() -> AsyncGenerator[Service]:
    async with serving(Service()) as running:
        yield running


@pytest_asyncio.fixture
async def second() -> AsyncGenerator[Service]:
    """Another server of the same service."""
    async with serving(Service()) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(installation: Installation) -> AsyncGenerator[Process]:
    """A whole server, which lets its clients ask often whether it lives.

    Its own turns are nobody else's, however long the machine lets it wait.
    """
    quick = installation.with_settings(
        server__min_ping_interval_seconds=0.1, turns__lease_seconds=30
    )
    async with serving_process(quick) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def caller(server: Process, installation: Installation) -> Client:
    """An administrator of a tenant with two capsules; one asks before it writes."""
    client = await new_tenant(await installation.operator(server.address), "acme")
    await new_capsule(client, installation.author_key, "plain")
    await new_capsule(client, installation.author_key, "demo", tools=("note_write",), autonomy=2)
    return client
