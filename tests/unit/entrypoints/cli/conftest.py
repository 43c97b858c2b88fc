"""A service on the loopback address for each test, and a client of it."""

from collections.abc import AsyncGenerator

import pytest_asyncio

from entrypoints.cli.client import Client, Target, open_client
from tests.fakes import CountingIdentifiers
from tests.unit.entrypoints.cli.service import Service, serving


@pytest_asyncio.fixture
async def service() -> AsyncGenerator[Service]:
    async with serving(Service()) as running:
        yield running


@pytest_asyncio.fixture
async def client(service: Service) -> AsyncGenerator[Client]:
    target = Target(address=service.address, key="sk_test")
    async with open_client(target, CountingIdentifiers()) as opened:
        yield opened
