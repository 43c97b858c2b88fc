from collections.abc import AsyncGenerator

import pytest

from tests.upstream.tool_server import ToolServer, tool_server


@pytest.fixture
async def server() -> AsyncGenerator[ToolServer]:
    async with tool_server() as made:
        yield made
