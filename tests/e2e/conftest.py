"""A server for each test, through its public API alone."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest_asyncio

from adapters.postgres.database import DatabaseSettings
from tests.e2e.stage import Stage, settings_for, staged
from tests.upstream.scripted import ScriptedUpstream, scripted_upstream


@pytest_asyncio.fixture
async def upstream() -> AsyncGenerator[ScriptedUpstream]:
    """A model provider on loopback."""
    async with scripted_upstream() as opened:
        yield opened


@pytest_asyncio.fixture
async def stage(
    tmp_path: Path, upstream: ScriptedUpstream, database_settings: DatabaseSettings
) -> AsyncGenerator[Stage]:
    """A server process that serves."""
    async with staged(settings_for(tmp_path, upstream.base_url), database_settings) as opened:
        yield opened
