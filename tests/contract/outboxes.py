"""Outboxes with events in them, and time that passes: what suites about relays are run on."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol, final
from uuid import UUID

from psycopg import AsyncConnection

from adapters.inmemory.dead_letters import InMemoryDeadLetters
from adapters.inmemory.outbox import InMemoryOutbox
from adapters.inmemory.store import InMemoryStore
from adapters.postgres.database import Database
from adapters.postgres.dead_letters import PostgresDeadLetters
from adapters.postgres.outbox import PostgresOutbox
from adapters.postgres.outgoing import EventEncoder, Outgoing
from adapters.protobuf.events import EventEncoding
from application.delivery.ports.dead_letters import DeadLetters, LetterFilter
from application.delivery.ports.outbox import Outbox
from domain.conversation.events import TurnResumed
from domain.delivery.outgoing_event import OutgoingEvent
from domain.kernel.identifiers import EventId, ServerId, SessionId, TenantId, TurnId
from tests.contract.postgres_server import owner_url
from tests.fakes import NOON, CountingIdentifiers, StoppedClock

ENCODE: Final = EventEncoding({})
ONE: Final = ServerId(UUID(int=1))
OTHER: Final = ServerId(UUID(int=2))
TENANT: Final = TenantId(UUID(int=7))
THIRD: Final = ServerId(UUID(int=3))


class Emit(Protocol):
    async def __call__(self, events: list[TurnResumed]) -> None: ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoings:
    """An outbox, its dead letters, and what fills it and lets leases run out."""

    outbox: Outbox
    letters: DeadLetters
    emit: Emit
    expire: Callable[[], Awaitable[None]]
    identifiers: CountingIdentifiers
    tenant_id: TenantId = TENANT
    keys: dict[str, UUID] = field(default_factory=dict[str, UUID])

    def key(self, name: str) -> UUID:
        return self.keys.setdefault(name, self.identifiers.next())

    async def commit(self, *names: str) -> None:
        """Leave one event under each of these keys, in this order."""
        await self.emit([self._event(self.key(name)) for name in names])

    async def resting(self) -> list[str]:
        """The origins of the dead letters."""
        letters = await self.letters.page(LetterFilter(tenant_id=self.tenant_id), None, 1000)
        return [letter.origin for letter in letters]

    async def all_published(self) -> bool:
        return (await self.outbox.backlog(1)).events == 0

    async def due(self, relay_id: ServerId = ONE, limit: int = 1000) -> list[tuple[str, int]]:
        """What a relay would publish now, as key and sequence."""
        held = await self.outbox.lease(relay_id, 15)
        page = await self.outbox.due([one.number for one in held], None, limit)
        return [self.told(event) for event in page]

    def told(self, event: OutgoingEvent) -> tuple[str, int]:
        names = {key: name for name, key in self.keys.items()}
        return names[event.key], event.sequence

    def _event(self, key: UUID) -> TurnResumed:
        return TurnResumed(
            id=EventId(self.identifiers.next()),
            tenant_id=self.tenant_id,
            key=key,
            occurred_at=NOON,
            tenant="acme",
            session_id=SessionId(key),
            turn_id=TurnId(key),
        )


def inmemory_outgoings(clock: StoppedClock, encode: EventEncoder = ENCODE) -> Outgoings:
    store, letters = InMemoryStore(), InMemoryDeadLetters(clock)

    async def emit(events: list[TurnResumed]) -> None:
        for event in events:
            store.publish(event)

    async def expire() -> None:
        clock.advance(60)

    return Outgoings(
        outbox=InMemoryOutbox(store=store, clock=clock, letters=letters, encode=encode),
        letters=letters,
        emit=emit,
        expire=expire,
        identifiers=CountingIdentifiers(),
    )


@asynccontextmanager
async def postgres_outgoings(
    database: Database, encode: EventEncoder = ENCODE
) -> AsyncGenerator[Outgoings]:
    outgoing = Outgoing(encode)
    superuser = await AsyncConnection.connect(owner_url(database.settings), autocommit=True)

    async def emit(events: list[TurnResumed]) -> None:
        encoded = [(event, *encode(event)) for event in events]
        await superuser.execute(
            b"select announce(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[],"
            b" %s::bigint[], %s::bytea[])",
            (
                [event.tenant_id for event, _, _ in encoded],
                [event.id for event, _, _ in encoded],
                [event.key for event, _, _ in encoded],
                [kind for _, kind, _ in encoded],
                ["" for _ in encoded],
                [0 for _ in encoded],
                [payload for _, _, payload in encoded],
            ),
        )

    async with superuser:
        yield Outgoings(
            outbox=PostgresOutbox(database=database),
            letters=PostgresDeadLetters(database=database, outgoing=outgoing),
            emit=emit,
            expire=partial(expire_relays, superuser),
            identifiers=CountingIdentifiers(),
        )


async def expire_relays(superuser: AsyncConnection) -> None:
    """Let the time of all relays, and of what they hold, be over."""
    await superuser.execute(b"update relays set live_until = '2020-01-01Z'")
    await superuser.execute(
        b"update relay_buckets set lease_until = '2020-01-01Z' where owner_id is not null"
    )
