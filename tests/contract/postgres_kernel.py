"""The kernel in PostgreSQL."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import final

from psycopg import AsyncConnection, sql

from adapters.postgres.budget import PostgresBudgets
from adapters.postgres.budget_warnings import PostgresBudgetWarnings
from adapters.postgres.database import Database
from adapters.postgres.durable_clock import PostgresClock
from adapters.postgres.effects import PostgresEffectJournal
from adapters.postgres.invocations import PostgresInvocations
from adapters.postgres.journal import open_turn_journal
from adapters.postgres.leases import PostgresTurnLeases
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.signals import PostgresTurnSignals
from adapters.postgres.turn_reader import open_turn_reader
from adapters.protobuf.events import EventEncoding
from domain.budget.events import UsageRecorded
from domain.conversation.session import Session
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import ServerId, SessionId, TenantId, TurnId
from tests.contract.inmemory_kernel import ONE, OTHER
from tests.contract.kernel import LEASE_SECONDS, Kernel, Server, Snapshot
from tests.contract.postgres_server import owner_url
from tests.contract.postgres_snapshot import Superuser, snapshot


def encode(event: DomainEvent) -> tuple[str, bytes]:
    """Events are opaque to the kernel, but for those that are held against its ledger."""
    if isinstance(event, UsageRecorded):
        return EventEncoding({})(event)
    return type(event).__name__, event.id.bytes


@asynccontextmanager
async def postgres_kernel(database: Database) -> AsyncGenerator[Kernel]:
    outgoing = Outgoing(encode)
    async with AsyncExitStack() as open_things:
        superuser = await AsyncConnection.connect(owner_url(database.settings), autocommit=True)
        await open_things.enter_async_context(superuser)

        async def server(server_id: ServerId) -> Server:
            journal = open_turn_journal(database, server_id, outgoing, lease_seconds=LEASE_SECONDS)
            return Server(
                id=server_id,
                journal=await open_things.enter_async_context(journal),
                leases=PostgresTurnLeases(
                    database=database, server_id=server_id, lease_seconds=LEASE_SECONDS
                ),
                signals=PostgresTurnSignals(database=database, server_id=server_id),
            )

        yield Kernel(
            one=await server(ONE),
            other=await server(OTHER),
            reader=await open_things.enter_async_context(open_turn_reader(database)),
            effects=PostgresEffectJournal(
                database=database, outgoing=outgoing, lease_seconds=LEASE_SECONDS
            ),
            invocations=PostgresInvocations(database=database),
            budgets=PostgresBudgets(database, outgoing),
            warnings=PostgresBudgetWarnings(database=database, outgoing=outgoing),
            clock=PostgresClock(database),
            administrator=PostgresAdministrator(superuser),
        )


@final
@dataclass(frozen=True, slots=True)
class PostgresAdministrator:
    superuser: Superuser

    async def open_tenant(self, tenant_id: TenantId) -> None:
        await self.superuser.execute("insert into tenants (tenant_id) values (%s)", (tenant_id,))

    async def open_session(self, session: Session) -> None:
        await self.superuser.execute(
            "insert into sessions (tenant_id, session_id, capsule, subject, busy, max_waiting, "
            "created_at) values (%s, %s, %s, %s, %s, %s, %s)",
            (
                session.tenant_id,
                session.id,
                session.capsule,
                session.subject,
                session.busy.value,
                session.max_waiting,
                session.created_at,
            ),
        )

    async def delete_session(self, tenant_id: TenantId, session_id: SessionId) -> None:
        await self.superuser.execute(
            "update sessions set deleted_at = now() where tenant_id = %s and session_id = %s",
            (tenant_id, session_id),
        )

    async def expire_leases(self, tenant_id: TenantId) -> None:
        # In the one lock order, and waiting for nobody, like every sweep.
        await self.superuser.execute(
            "with running as (select turn_id from turns where tenant_id = %s and state = 2 "
            "order by turn_id for no key update skip locked) "
            "update turns t set lease_until = '2020-01-01Z' from running r "
            "where t.tenant_id = %s and t.turn_id = r.turn_id",
            (tenant_id, tenant_id),
        )
        await self.superuser.execute(
            "update invocations set lease_until = '2020-01-01Z' "
            "where tenant_id = %s and lease_until is not null",
            (tenant_id,),
        )

    async def age_approvals(self, tenant_id: TenantId) -> None:
        await self.superuser.execute(
            "update invocations set decided_at = decided_at - interval '1 day' "
            "where tenant_id = %s and decided_at is not null",
            (tenant_id,),
        )

    async def expire_approvals(self, tenant_id: TenantId) -> None:
        await self.superuser.execute(
            "update invocations set expires_at = '2000-01-01Z' "
            "where tenant_id = %s and expires_at is not null",
            (tenant_id,),
        )

    async def expire_reservations(self, tenant_id: TenantId) -> None:
        await self.superuser.execute(
            "update reservations set expires_at = '2000-01-01Z' where tenant_id = %s and state = 1",
            (tenant_id,),
        )

    async def damage(self, tenant_id: TenantId, turn_id: TurnId) -> None:
        await self._damage("terms", tenant_id, turn_id)

    async def damage_checkpoint(self, tenant_id: TenantId, turn_id: TurnId) -> None:
        await self._damage("checkpoint", tenant_id, turn_id)

    async def _damage(self, column: str, tenant_id: TenantId, turn_id: TurnId) -> None:
        statement = sql.SQL("update turns set {} = %s where tenant_id = %s and turn_id = %s")
        newer = b'{"unheard_of":1}' if column == "terms" else b'{"round":"one"}'
        await self.superuser.execute(
            statement.format(sql.Identifier(column)), (newer, tenant_id, turn_id)
        )

    async def forget(self, tenant_id: TenantId) -> None:
        await self.superuser.execute("delete from turns where tenant_id = %s", (tenant_id,))
        await self.superuser.execute("delete from invocations where tenant_id = %s", (tenant_id,))
        await self.superuser.execute("delete from reservations where tenant_id = %s", (tenant_id,))

    async def snapshot(self, tenant_id: TenantId) -> Snapshot:
        return await snapshot(self.superuser, tenant_id)
