"""What the tests of whole processes share: a scripted upstream and, elsewhere, a database."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from adapters.postgres.embedded_lifetime import EmbeddedServer
from tests.contract.postgres_server import copy_of
from tests.system.installation import Installation, Model, installation_at
from tests.upstream.scripted import ScriptedUpstream, scripted_upstream


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream() -> AsyncGenerator[ScriptedUpstream]:
    async with scripted_upstream() as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installation(
    upstream: ScriptedUpstream,
    postgres_server: EmbeddedServer,
    template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Installation:
    """One with a database of its own on the run's PostgreSQL; no server serves it yet."""
    folder: Path = tmp_path_factory.mktemp("installation")
    database = await asyncio.to_thread(copy_of, postgres_server, template)
    made = await installation_at(folder, database, [Model(name="main", base_url=upstream.base_url)])
    return made.with_settings(**QUICK)


QUICK = {
    "turns__lease_seconds": 10,
    "turns__keep_interval_seconds": 0.1,
    "turns__sweep_interval_seconds": 0.2,
}
"""So that lost turns are found while a test waits for it, and none is lost because a server that
lives was not given the processor."""
