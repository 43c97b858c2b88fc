"""What tests of the writer begin with: tenants with limits, a journal, and what may not be."""

from contextlib import AbstractAsyncContextManager
from typing import Final

import psycopg

from adapters.postgres.database import Database
from adapters.postgres.journal import PostgresTurnJournal, open_turn_journal
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.writer import WriterSettings
from domain.budget.account import Account, AccountKind
from domain.kernel.identifiers import ServerId, SessionId
from tests.contract.commands import Commands
from tests.contract.inmemory_kernel import ONE
from tests.contract.postgres_kernel import encode
from tests.fakes import NOON, CountingIdentifiers
from tests.unit.adapters.postgres.attack import CHECKS

SMALL: Final = WriterSettings(max_batch=16, stalled_patience_seconds=0.05, stalled_attempts=1000)

Superuser = psycopg.AsyncConnection[tuple[object, ...]]


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


async def count(superuser: Superuser, query: str) -> int:
    (row,) = await (await superuser.execute(query.encode())).fetchall()
    assert isinstance(row[0], int)
    return row[0]


async def wrong(superuser: Superuser) -> dict[str, int]:
    counted = {name: await count(superuser, query) for name, query in CHECKS.items()}
    return {name: number for name, number in counted.items() if number}


def journal_of(
    database: Database, server_id: ServerId = ONE, settings: WriterSettings = SMALL
) -> AbstractAsyncContextManager[PostgresTurnJournal]:
    return open_turn_journal(database, server_id, Outgoing(encode), settings=settings)
