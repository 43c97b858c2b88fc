"""What every store of published events, and every record of audits, must honour."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import pytest
import sqlalchemy as sa

from adapters.inmemory.published import InMemoryAudits, InMemoryPublishedEvents
from adapters.postgres.database import Database
from adapters.postgres.dead_letters import PostgresDeadLetters
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.published import PostgresAudits, PostgresPublishedEvents, page_of
from adapters.postgres.tables.kernel import outbox
from adapters.protobuf.events import EventEncoding
from adapters.system.identifiers import SystemIdentifiers
from application.delivery.ports.published import (
    Audits,
    EventPlace,
    PublishedEvents,
    PublishedFilter,
)
from domain.delivery.dead_letter import RELAY, Content
from domain.delivery.outgoing_event import OutgoingEvent
from domain.kernel.events import AuditRecorded
from domain.kernel.identifiers import DeadLetterId, EventId, TenantId
from domain.tenancy.tenant import Tenant
from tests.builders import dead_letter
from tests.contract.tenants import new_tenant, stored_tenant
from tests.fakes import NOON

IDENTIFIERS: Final = SystemIdentifiers()


class Put(Protocol):
    """Keeps an event that was published, or waits to be."""

    async def __call__(
        self, event: OutgoingEvent, *, published: bool = True, committed: datetime | None = None
    ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """A store, a tenant of its own, how events come into it, and when audits were recorded."""

    events: PublishedEvents
    audits: Audits
    tenant: Tenant
    put: Put
    audited: Callable[[], Awaitable[Sequence[datetime]]]
    set_aside: Callable[[OutgoingEvent], Awaitable[None]]

    def event(self, key: UUID, sequence: int, kind: str = "turn.completed") -> OutgoingEvent:
        occurred_at = NOON + timedelta(minutes=sequence)
        return OutgoingEvent(
            id=identified(occurred_at),
            tenant_id=self.tenant.id,
            tenant=self.tenant.slug,
            key=key,
            sequence=sequence,
            type=kind,
            version=1,
            traceparent="00-1",
            occurred_at=occurred_at,
            payload=b"\x00\xff",
        )

    async def found(self, asked: PublishedFilter) -> Sequence[int]:
        return [one.sequence for one in await self.events.page(asked, None, 100)]


def identified(at: datetime) -> EventId:
    """An identifier of that moment, as far as the one of this moment is its own."""
    rest = IDENTIFIERS.next().int & (1 << 80) - 1
    return EventId(UUID(int=round(at.timestamp() * 1000) << 80 | rest))


@pytest.fixture
async def postgres_shelf(database: Database) -> Shelf:
    tenant = await stored_tenant(database)

    async def put(
        event: OutgoingEvent, *, published: bool = True, committed: datetime | None = None
    ) -> None:
        row = {
            "tenant_id": event.tenant_id,
            "event_id": event.id,
            "key_id": event.key,
            "sequence": event.sequence,
            "type": event.type,
            "traceparent": event.traceparent,
            "payload": event.payload,
            "occurred_at": event.occurred_at,
            "created_at": committed or event.occurred_at,
            "published_at": event.occurred_at if published else None,
        }
        async with database.tenant(event.tenant_id) as connection:
            await connection.execute(sa.insert(outbox).values(row))

    async def audited() -> Sequence[datetime]:
        times = (
            sa.select(outbox.c.created_at)
            .where(outbox.c.tenant_id == tenant.id, outbox.c.type == "audit.recorded")
            .order_by(outbox.c.sequence)
        )
        async with database.tenant(tenant.id) as connection:
            return [row["created_at"] for row in (await connection.execute(times)).mappings()]

    async def set_aside(event: OutgoingEvent) -> None:
        letter = dead_letter(DeadLetterId(IDENTIFIERS.next()), owner=tenant, origin=str(event.id))
        letters = PostgresDeadLetters(database=database, outgoing=Outgoing(EventEncoding({})))
        assert await letters.put(replace(letter, source=RELAY), Content(headers=(), payload=b""))

    return Shelf(
        events=PostgresPublishedEvents(database=database),
        audits=PostgresAudits(database=database, outgoing=Outgoing(EventEncoding({}))),
        tenant=tenant,
        put=put,
        audited=audited,
        set_aside=set_aside,
    )


@pytest.fixture(params=["inmemory", pytest.param("postgres", marks=pytest.mark.postgres)])
def shelf(request: pytest.FixtureRequest) -> Shelf:
    if request.param == "postgres":
        opened: Shelf = request.getfixturevalue("postgres_shelf")
        return opened
    events, audits = InMemoryPublishedEvents(), InMemoryAudits()

    async def put(
        event: OutgoingEvent, *, published: bool = True, committed: datetime | None = None
    ) -> None:
        if published:
            events.kept.append(event)
            events.committed[event.id] = committed or event.occurred_at

    async def audited() -> Sequence[datetime]:
        return [one.occurred_at for one in audits.recorded]

    async def set_aside(event: OutgoingEvent) -> None:
        events.aside.add(event.id)

    return Shelf(
        events=events,
        audits=audits,
        tenant=new_tenant(),
        put=put,
        audited=audited,
        set_aside=set_aside,
    )


@pytest.fixture
def asked(shelf: Shelf) -> PublishedFilter:
    return PublishedFilter(tenant_id=shelf.tenant.id)


async def test_an_event_is_read_back_as_it_was(shelf: Shelf, asked: PublishedFilter) -> None:
    event = shelf.event(IDENTIFIERS.next(), 1)
    await shelf.put(event)

    assert await shelf.events.page(asked, None, 10) == [event]


async def test_what_was_not_published_yet_is_not_there(
    shelf: Shelf, asked: PublishedFilter
) -> None:
    await shelf.put(shelf.event(IDENTIFIERS.next(), 1), published=False)

    assert await shelf.found(asked) == []


async def test_events_of_a_key_come_in_their_order_in_pages(
    shelf: Shelf, asked: PublishedFilter
) -> None:
    keys = sorted(IDENTIFIERS.next() for _ in range(2))
    for key in keys:
        for sequence in (3, 1, 2):
            await shelf.put(shelf.event(key, sequence))

    first = await shelf.events.page(asked, None, 4)
    after = EventPlace(first[-1].key, first[-1].sequence)
    second = await shelf.events.page(asked, after, 4)

    places = [(one.key, one.sequence) for one in (*first, *second)]
    assert places == [(key, sequence) for key in keys for sequence in (1, 2, 3)]


async def test_a_filter_says_which(shelf: Shelf, asked: PublishedFilter) -> None:
    key, other = IDENTIFIERS.next(), IDENTIFIERS.next()
    await shelf.put(shelf.event(key, 1))
    await shelf.put(shelf.event(key, 2, "usage.recorded"))
    await shelf.put(shelf.event(other, 3))

    assert await shelf.found(replace(asked, key=key)) == [1, 2]
    assert await shelf.found(replace(asked, type="usage.recorded")) == [2]
    assert await shelf.found(replace(asked, key=other, until=NOON)) == []
    late = replace(asked, since=NOON + timedelta(minutes=3))
    assert await shelf.found(late) == [3]
    assert await shelf.found(replace(late, until=late.since)) == []
    stranger = replace(asked, tenant_id=TenantId(IDENTIFIERS.next()))
    assert await shelf.found(stranger) == []


async def test_the_time_is_that_of_the_commit_whatever_the_servers_clock_says(
    shelf: Shelf, asked: PublishedFilter
) -> None:
    month = timedelta(days=30)
    for sequence, off in enumerate((month, -month), start=1):
        event = replace(shelf.event(IDENTIFIERS.next(), sequence), occurred_at=NOON + off)
        await shelf.put(event, committed=NOON)
    await shelf.put(shelf.event(IDENTIFIERS.next(), 3), committed=NOON + month)

    found = await shelf.found(replace(asked, since=NOON, until=NOON + timedelta(minutes=1)))

    assert sorted(found) == [1, 2]


async def test_one_that_is_like_no_other_takes_none_of_the_others_with_it(
    shelf: Shelf, asked: PublishedFilter
) -> None:
    key = IDENTIFIERS.next()
    strange = replace(shelf.event(key, 2, "never.heard"), traceparent="", payload=b"")
    for event in (shelf.event(key, 1), strange, shelf.event(key, 3)):
        await shelf.put(event)

    assert await shelf.found(asked) == [1, 2, 3]


async def test_it_is_known_which_was_set_aside(shelf: Shelf) -> None:
    aside, other = (shelf.event(IDENTIFIERS.next(), 1) for _ in range(2))
    for event in (aside, other):
        await shelf.put(event)

    await shelf.set_aside(aside)

    assert await shelf.events.was_set_aside(aside)
    assert not await shelf.events.was_set_aside(other)


@pytest.mark.postgres
async def test_a_page_sorts_nothing_however_many_others_there_are(
    postgres_shelf: Shelf, database: Database
) -> None:
    tenant_id = postgres_shelf.tenant.id
    asked = PublishedFilter(tenant_id=tenant_id, since=NOON)
    many = sa.text(
        "insert into outbox (tenant_id, event_id, key_id, sequence, type, payload, occurred_at,"
        " created_at, published_at) select :tenant, uuidv7(), gen_random_uuid(), 1,"
        " 'turn.completed', '', now(), now(), now() from generate_series(1, 3000)"
    )

    page = page_of(asked, EventPlace(IDENTIFIERS.next(), 1), 100).compile(
        sa.create_engine("postgresql+psycopg_async://"), compile_kwargs={"literal_binds": True}
    )

    async with database.tenant(tenant_id) as connection:
        await connection.execute(many, {"tenant": tenant_id})
        explained = await connection.execute(sa.text(f"explain {page}".replace(":", "\\:")))
        plan = "\n".join(explained.scalars())

    assert "key_id_sequence_idx" in plan or "outbox_published" in plan, plan
    assert "Sort" not in plan.replace("Sort Key", ""), plan


async def test_audits_are_recorded_no_earlier_than_is_told(shelf: Shelf) -> None:
    told = [
        await shelf.audits.record(
            AuditRecorded(
                id=EventId(IDENTIFIERS.next()),
                tenant_id=shelf.tenant.id,
                key=shelf.tenant.id,
                occurred_at=NOON,
                action="operations:replay",
                subject="ada",
                resource=f"tenants/{shelf.tenant.slug}",
            )
        )
        for _ in range(2)
    ]

    committed = await shelf.audited()
    assert len(committed) == 2
    assert all(before <= at for before, at in zip(told, committed, strict=True))
