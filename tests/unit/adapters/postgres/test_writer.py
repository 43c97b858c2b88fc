"""The writer under load: sums, places, positions and keys stay right, whatever is torn down."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from random import Random
from typing import Final
from uuid import UUID

import psycopg
import pytest

from adapters.postgres.database import Database
from adapters.postgres.journal import PostgresTurnJournal, open_turn_journal
from adapters.postgres.leases import PostgresTurnLeases
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.writer import WriterSettings
from domain.budget.account import Account, AccountKind
from domain.conversation.errors import SessionBusyError, StaleFenceError
from domain.conversation.turn import TurnState
from domain.kernel.errors import InvalidArgumentError, StorageUnavailableError
from domain.kernel.identifiers import ServerId, SessionId, TurnId
from tests.contract.commands import Commands, tokens
from tests.contract.inmemory_kernel import ONE, OTHER
from tests.contract.postgres_kernel import encode
from tests.contract.postgres_server import owner_url
from tests.fakes import NOON, CountingIdentifiers
from tests.unit.adapters.postgres.attack import CHECKS, Attacker

pytestmark = pytest.mark.postgres

SMALL: Final = WriterSettings(max_batch=16, stalled_patience_seconds=0.05, stalled_attempts=1000)

Superuser = psycopg.AsyncConnection[tuple[object, ...]]


@pytest.fixture
async def superuser(fresh_database: Database) -> AsyncGenerator[Superuser]:
    url = owner_url(fresh_database.settings)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield connection


async def tenant(superuser: Superuser, name: str, *, sessions: int, limit: int) -> list[Commands]:
    """A tenant with limits on tokens for itself and two of its users, and its sessions."""
    first = Commands.fresh(CountingIdentifiers(name))
    await superuser.execute("insert into tenants (tenant_id) values (%s)", (first.tenant_id,))
    accounts = [first.account, *(Account(AccountKind.USER, f"user {n}") for n in range(2))]
    for account in accounts:
        for metric, amount in ((1, limit), (5, None)):
            await superuser.execute(
                "insert into limits values (%s, %s, %s, %s, %s, %s)",
                (
                    first.tenant_id,
                    account.id_in(first.tenant_id),
                    metric,
                    account.kind.value,
                    account.name,
                    amount,
                ),
            )
    found = [first.in_session(SessionId(first.identifiers.next())) for _ in range(sessions)]
    for ask in found:
        await superuser.execute(
            "insert into sessions (tenant_id, session_id, capsule, subject, busy, max_waiting, "
            "created_at) values (%s, %s, 'greeter', 'ada', 1, 3, %s)",
            (ask.tenant_id, ask.session_id, NOON),
        )
    return found


async def count(superuser: Superuser, query: str) -> object:
    (row,) = await (await superuser.execute(query.encode())).fetchall()
    return row[0]


async def wrong(superuser: Superuser) -> dict[str, object]:
    counted = {name: await count(superuser, query) for name, query in CHECKS.items()}
    return {name: number for name, number in counted.items() if number != 0}


def journal_of(database: Database, server_id: ServerId) -> "AsyncContext":
    return open_turn_journal(database, server_id, Outgoing(encode), settings=SMALL)


async def test_everything_adds_up_after_an_attack(
    fresh_database: Database, superuser: Superuser
) -> None:
    tenants = [
        await tenant(superuser, f"attack {number}", sessions=5, limit=6000) for number in range(3)
    ]
    sessions = tuple(ask for found in tenants for ask in found)
    attackers: list[Attacker] = []
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(journal_of(fresh_database, server_id))
            for server_id in (ONE, OTHER)
        ]
        answers: dict[object, TurnId] = {}
        asked: dict[TurnId, object] = {}
        attackers = [
            Attacker(
                random=Random(number),
                journal=servers[number % 2],
                leases=PostgresTurnLeases(
                    database=fresh_database, server_id=servers[number % 2].server_id
                ),
                sessions=sessions,
                answers=answers,
                asked=asked,
            )
            for number in range(24)
        ]
        attack = asyncio.gather(*(attacker.run(12) for attacker in attackers))
        chaos = asyncio.create_task(_tear(superuser, sessions))
        await attack
        await chaos
        assert await wrong(superuser) == {}

        while await count(superuser, "select count(*) from turns where state < 4"):
            await superuser.execute(
                "update turns set lease_until = '2020-01-01Z' where state = 2"
            )
            await attackers[0].drain()

    assert await wrong(superuser) == {}
    stored = await (
        await superuser.execute(
            "select tenant_id, session_id, request_id, turn_id from turn_requests"
        )
    ).fetchall()
    assert {row[:3]: row[3] for row in stored} == answers
