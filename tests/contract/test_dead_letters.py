"""What every store of dead letters must honour."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

import pytest
import sqlalchemy as sa

from adapters.inmemory.dead_letters import InMemoryDeadLetters
from adapters.postgres.database import Database
from adapters.postgres.dead_letters import PostgresDeadLetters
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.tables.kernel import outbox
from adapters.protobuf.events import EventEncoding
from adapters.system.clock import SystemClock
from adapters.system.identifiers import SystemIdentifiers
from application.delivery.ports.dead_letters import DeadLetters, LetterFilter
from domain.delivery.dead_letter import MOST_PAYLOAD, Attempt, Content, DeadLetter, LetterState
from domain.delivery.errors import DeadLetterNotFoundError
from domain.kernel.errors import EtagMismatchError
from domain.kernel.events import AuditRecorded
from domain.kernel.identifiers import DeadLetterId, EventId, TenantId
from domain.tenancy.tenant import Tenant
from somagent.events.v1.events_pb2 import AuditRecorded as AuditMessage
from tests.builders import dead_letter
from tests.contract.tenants import new_tenant, stored_tenant
from tests.fakes import NOON

IDENTIFIERS: Final = SystemIdentifiers()
CONTENT: Final = Content(
    headers=(("type", b"message"), ("type", b"twice"), ("raw", b"\x00\xff")), payload=b"\x00\x01"
)
LEASE: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """A store, a tenant of its own, and the resources that its audits name, in order."""

    letters: DeadLetters
    tenant: Tenant
    audited: Callable[[], Awaitable[list[str]]]

    async def put(self, origin: str = "1", *, content: Content = CONTENT) -> DeadLetter:
        letter = dead_letter(DeadLetterId(IDENTIFIERS.next()), owner=self.tenant, origin=origin)
        assert await self.letters.put(letter, content)
        return await self.stored(letter)

    async def stored(self, letter: DeadLetter) -> DeadLetter:
        return (await self.letters.open(letter.tenant_id, letter.id)).letter

    async def change(self, changed: DeadLetter, content: Content | None = None) -> None:
        await self.letters.change(changed, content, self.audit(str(changed.id)))

    def audit(self, resource: str) -> AuditRecorded:
        return AuditRecorded(
            id=EventId(IDENTIFIERS.next()),
            tenant_id=self.tenant.id,
            key=self.tenant.id,
            occurred_at=NOON,
            action="operations:replay",
            subject="ada",
            resource=resource,
        )

    def of_tenant(self) -> LetterFilter:
        return LetterFilter(tenant_id=self.tenant.id)

    async def found(self, asked: LetterFilter) -> list[str]:
        return [one.origin for one in await self.letters.page(asked, None, 100)]


@pytest.fixture
async def postgres_rest(database: Database) -> Rest:
    tenant = await stored_tenant(database)

    async def published() -> list[str]:
        facts = sa.select(outbox.c.payload).order_by(outbox.c.sequence)
        theirs = facts.where(outbox.c.tenant_id == tenant.id, outbox.c.type == "audit.recorded")
        async with database.tenant(tenant.id) as connection:
            rows = (await connection.execute(theirs)).all()
        return [AuditMessage.FromString(row.payload).resource for row in rows]

    letters = PostgresDeadLetters(database=database, outgoing=Outgoing(EventEncoding({})))
    return Rest(letters=letters, tenant=tenant, audited=published)


@pytest.fixture(params=["inmemory", pytest.param("postgres", marks=pytest.mark.postgres)])
def rest(request: pytest.FixtureRequest) -> Rest:
    if request.param == "postgres":
        opened: Rest = request.getfixturevalue("postgres_rest")
        return opened
    letters = InMemoryDeadLetters(SystemClock())

    async def kept() -> list[str]:
        return [audit.resource for audit in letters.audits]

    return Rest(letters=letters, tenant=new_tenant(), audited=kept)


async def test_a_letter_is_read_back_as_it_was_put(rest: Rest) -> None:
    letter = dead_letter(DeadLetterId(IDENTIFIERS.next()), owner=rest.tenant)
    letter = replace(letter, key=b"\x00\xff", attempts=(*letter.attempts, Attempt(NOON, "again")))

    assert await rest.letters.put(letter, CONTENT)

    opened = await rest.letters.open(rest.tenant.id, letter.id)
    assert replace(opened.letter, created_at=letter.created_at) == letter
    assert opened.content == CONTENT


async def test_the_same_message_is_put_once(rest: Rest) -> None:
    first = await rest.put("topic/0/7")
    second = replace(first, id=DeadLetterId(IDENTIFIERS.next()), reason="OTHER")

    assert not await rest.letters.put(second, CONTENT)

    assert await rest.letters.page(rest.of_tenant(), None, 10) == [first]


async def test_a_message_put_at_the_same_moment_is_put_once(rest: Rest) -> None:
    letters = [dead_letter(DeadLetterId(IDENTIFIERS.next()), owner=rest.tenant) for _ in range(8)]

    new = await asyncio.gather(*(rest.letters.put(one, CONTENT) for one in letters))

    assert sum(new) == 1


async def test_a_message_put_again_after_it_was_discarded_stays_discarded(rest: Rest) -> None:
    letter = await rest.put()
    await rest.change(letter.discard(by="ada", note="old", at=NOON))

    again = replace(letter, id=DeadLetterId(IDENTIFIERS.next()))
    assert not await rest.letters.put(again, CONTENT)

    assert (await rest.stored(letter)).state is LetterState.DISCARDED


async def test_of_a_cut_payload_the_true_size_is_known(rest: Rest) -> None:
    letter = dead_letter(DeadLetterId(IDENTIFIERS.next()), owner=rest.tenant)
    giant = replace(letter, payload_bytes=5 * MOST_PAYLOAD)

    await rest.letters.put(giant, Content(headers=(), payload=bytes(MOST_PAYLOAD)))

    opened = await rest.letters.open(rest.tenant.id, giant.id)
    assert (len(opened.content.payload), opened.letter.whole) == (MOST_PAYLOAD, False)


async def test_letters_come_in_their_order_in_pages(rest: Rest) -> None:
    letters = [await rest.put(str(number)) for number in range(5)]

    first = await rest.letters.page(rest.of_tenant(), None, 2)
    rest_of_them = await rest.letters.page(rest.of_tenant(), first[-1].id, 10)

    assert [*first, *rest_of_them] == letters


async def test_a_filter_names_what_is_meant(rest: Rest) -> None:
    one, two = await rest.put("one"), await rest.put("two")
    await rest.change(two.discard(by="ada", note="", at=NOON))
    all_of_them = rest.of_tenant()

    resting = replace(all_of_them, state=LetterState.RESTING)
    assert await rest.found(resting) == ["one"]
    assert await rest.found(replace(all_of_them, topic=one.topic)) == ["one", "two"]
    assert await rest.found(replace(all_of_them, topic="another")) == []
    assert await rest.found(replace(all_of_them, key=one.key)) == ["one", "two"]
    assert await rest.found(replace(all_of_them, key=b"another")) == []
    assert await rest.found(replace(all_of_them, reason=one.reason)) == ["one", "two"]
    assert await rest.found(replace(all_of_them, reason="ANOTHER")) == []
    assert await rest.found(replace(all_of_them, since=one.created_at)) == ["one", "two"]
    assert await rest.found(replace(all_of_them, until=one.created_at)) == []
    later = two.created_at + timedelta(seconds=1)
    assert await rest.found(replace(all_of_them, since=later)) == []


async def test_letters_of_all_tenants_are_found_and_named(rest: Rest) -> None:
    letter = await rest.put()

    before = DeadLetterId(UUID(int=letter.id.int - 1))
    found = await rest.letters.page(LetterFilter(tenant_id=None), before, 1)

    assert [(one.id, one.tenant) for one in found] == [(letter.id, rest.tenant.slug)]


async def test_another_tenants_letter_is_not_there(rest: Rest) -> None:
    letter = await rest.put()
    stranger = TenantId(IDENTIFIERS.next())

    with pytest.raises(DeadLetterNotFoundError):
        await rest.letters.open(stranger, letter.id)
    assert await rest.letters.take(stranger, [letter.id], LEASE) == []
    assert await rest.found(LetterFilter(tenant_id=stranger)) == []
    with pytest.raises(DeadLetterNotFoundError):
        await rest.change(replace(letter.edit(1), tenant_id=stranger))


async def test_of_two_who_replay_a_letter_one_takes_it(rest: Rest) -> None:
    letter = await rest.put()

    taken = await asyncio.gather(
        *(rest.letters.take(rest.tenant.id, [letter.id], LEASE) for _ in range(4))
    )

    assert sorted(len(one) for one in taken) == [0, 0, 0, 1]
    assert (await rest.stored(letter)).replaying


async def test_a_taken_letter_has_its_content_and_can_be_settled(rest: Rest) -> None:
    letter = await rest.put()
    (taken,) = await rest.letters.take(rest.tenant.id, [letter.id], LEASE)

    await rest.change(taken.letter.replayed(by="ada", into=letter.topic, at=NOON))

    stored = await rest.stored(letter)
    assert taken.content == CONTENT
    assert (stored.state, stored.replaying) == (LetterState.REPLAYED, False)
    assert (stored.settled_at, stored.settled_by, stored.note) == (NOON, "ada", letter.topic)
    assert await rest.letters.take(rest.tenant.id, [letter.id], LEASE) == []


async def test_a_letter_whose_replay_never_ended_may_be_taken_again(rest: Rest) -> None:
    letter = await rest.put()
    (lost,) = await rest.letters.take(rest.tenant.id, [letter.id], 0)

    (taken,) = await rest.letters.take(rest.tenant.id, [letter.id], LEASE)

    with pytest.raises(EtagMismatchError):
        await rest.change(lost.letter.replayed(by="ada", into="", at=NOON))
    await rest.change(taken.letter.refused_again("SESSION_BUSY", "busy", NOON))
    stored = await rest.stored(letter)
    assert (stored.state, stored.replaying, stored.reason) == (
        LetterState.RESTING,
        False,
        "SESSION_BUSY",
    )
    assert stored.attempts[-1] == Attempt(NOON, "busy")


async def test_an_edited_letter_has_its_new_content(rest: Rest) -> None:
    letter = await rest.put()
    content = Content(headers=(), payload=b"mended")

    await rest.change(letter.edit(len(content.payload)), content)

    opened = await rest.letters.open(rest.tenant.id, letter.id)
    assert (opened.content, opened.letter.payload_bytes) == (content, 6)


async def test_of_two_changes_of_one_version_one_is_stored(rest: Rest) -> None:
    letter = await rest.put()
    await rest.change(letter.edit(6), Content(headers=(), payload=b"mended"))

    with pytest.raises(EtagMismatchError):
        await rest.change(letter.discard(by="ada", note="", at=NOON))

    assert (await rest.stored(letter)).state is LetterState.RESTING
    assert await rest.audited() == [str(letter.id)]


async def test_every_change_is_audited_in_order(rest: Rest) -> None:
    one, two = await rest.put("one"), await rest.put("two")

    await rest.change(two.edit(2), CONTENT)
    await rest.change(one.discard(by="ada", note="", at=NOON))

    assert await rest.audited() == [str(two.id), str(one.id)]
