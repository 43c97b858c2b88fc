"""The model of the kernel, run on its adapters: in process memory, and in PostgreSQL."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from psycopg import AsyncConnection

from adapters.inmemory.books import InMemoryBooks
from adapters.inmemory.dead_letters import InMemoryDeadLetters
from adapters.inmemory.outbox import InMemoryOutbox
from adapters.inmemory.store import InMemoryStore
from adapters.postgres.database import DatabaseSettings, open_database
from adapters.postgres.outbox import PostgresOutbox
from adapters.postgres.reconciliation import PostgresBooks
from adapters.postgres.usage_books import UsageBooks
from adapters.protobuf.usage import read_usage
from tests.contract.inmemory_kernel import kernel_on
from tests.contract.outboxes import expire_relays
from tests.contract.postgres_kernel import encode, postgres_kernel
from tests.contract.postgres_server import owner_url
from tests.fakes import CountingIdentifiers, StoppedClock
from tests.model.life import Opening, Place
from tests.model.machine import KernelMachine

TIMES: Final = 20 if settings.get_current_profile_name() == "thorough" else 1
"""`--hypothesis-profile=thorough` runs twenty times as many lives, and other ones each time."""

_profile = settings(
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def live(opening: Opening, *, lives: int) -> None:
    """Let the rules befall so many services, each with a tenant of its own."""
    numbers = count()

    class Machine(KernelMachine):
        def __init__(self) -> None:
            super().__init__(opening, CountingIdentifiers(f"life {next(numbers)}"))

    run_state_machine_as_test(
        Machine,
        settings=settings(_profile, max_examples=lives * TIMES),
    )


def test_what_must_hold_holds_in_process_memory() -> None:
    @asynccontextmanager
    async def place() -> AsyncGenerator[Place]:
        store, clock = InMemoryStore(), StoppedClock()
        letters = InMemoryDeadLetters(clock)
        outbox = InMemoryOutbox(store=store, clock=clock, letters=letters, encode=encode)

        async def expire_buckets() -> None:
            outbox.live_until.clear()
            for bucket in outbox.buckets:
                bucket.lease_until = clock.monotonic() - 1

        books = InMemoryBooks(store=store, clock=clock)
        yield Place(kernel_on(store, clock), books, outbox, expire_buckets)

    live(place, lives=60)


@pytest.mark.postgres
def test_what_must_hold_holds_in_postgresql(fresh_settings: DatabaseSettings) -> None:
    @asynccontextmanager
    async def place() -> AsyncGenerator[Place]:
        async with (
            open_database(fresh_settings) as database,
            postgres_kernel(database) as kernel,
            await AsyncConnection.connect(owner_url(fresh_settings), autocommit=True) as superuser,
        ):
            usage = UsageBooks(database=database, read_usage=read_usage)
            books = PostgresBooks(database=database, usage=usage)
            outbox = PostgresOutbox(database=database)
            yield Place(kernel, books, outbox, partial(expire_relays, superuser))

    live(place, lives=4)
