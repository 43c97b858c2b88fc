"""The kernel that is held against the model."""

from collections.abc import AsyncGenerator

import pytest

from adapters.postgres.database import Database
from tests.contract.kernel import Kernel
from tests.contract.postgres_kernel import postgres_kernel


@pytest.fixture
async def subject(fresh_database: Database) -> AsyncGenerator[Kernel]:
    async with postgres_kernel(fresh_database) as opened:
        yield opened
