"""What every memory and every store of notes must honour, whatever stores them."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Final
from uuid import UUID

import pytest
import sqlalchemy as sa

from adapters.inmemory.memories import InMemoryMemories, InMemoryNotes
from adapters.postgres.database import Database
from adapters.postgres.memories import PostgresMemories, PostgresNotes, open_memories
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.tables.kernel import outbox
from adapters.protobuf.events import EventEncoding
from application.memory.ports import MemoryStore, NoteStore
from application.memory.recall import Recall, RecallQuery
from domain.kernel.errors import IdempotencyKeyReusedError, InvalidArgumentError
from domain.kernel.identifiers import InvocationId, MemoryId, SessionId, TenantId
from domain.memory.errors import MemoryNotFoundError
from domain.memory.note import Note
from domain.memory.recollection import MemoryKind, MemoryScope
from domain.provenance.salted_hash import salted_hash
from tests.contract.mind import Mind
from tests.fakes import NOON, CountingIdentifiers, StoppedClock

SESSION: Final = SessionId(UUID("01946f00-0000-7000-8000-0000000000b1"))
OTHER_SESSION: Final = SessionId(UUID("01946f00-0000-7000-8000-0000000000b2"))


@pytest.fixture
async def postgres_memories(database: Database) -> AsyncGenerator[PostgresMemories]:
    async with open_memories(database, Outgoing(EventEncoding({}))) as memories:
        yield memories


@pytest.fixture(params=["inmemory", pytest.param("postgres", marks=pytest.mark.postgres)])
def mind(request: pytest.FixtureRequest) -> Mind:
    identifiers = CountingIdentifiers(request.node.nodeid)
    memories: MemoryStore = InMemoryMemories()
    notes: NoteStore = InMemoryNotes()
    if request.param == "postgres":
        memories = request.getfixturevalue("postgres_memories")
        notes = PostgresNotes(request.getfixturevalue("database"))
    return Mind(
        memories,
        notes,
        identifiers,
        StoppedClock(),
        TenantId(identifiers.next()),
        TenantId(identifiers.next()),
    )


async def published(mind: Mind) -> list[str]:
    """The types of what was published of the tenant, in order."""
    match mind.memories:
        case InMemoryMemories(published=events):
            of_tenant = [event for event in events if event.tenant_id == mind.tenant_id]
            return [EventEncoding({})(event)[0] for event in of_tenant]
        case PostgresMemories(database=database):
            asked = (
                sa.select(outbox.c.type)
                .where(outbox.c.tenant_id == mind.tenant_id)
                .order_by(outbox.c.sequence)
            )
            async with database.tenant(mind.tenant_id) as connection:
                return [str(kind) for kind in (await connection.execute(asked)).scalars()]
        case other:
            raise TypeError(other)


async def test_what_is_kept_and_destroyed_is_published_once_and_without_its_text(
    mind: Mind,
) -> None:
    kept = await mind.remember("A secret house.", request_id="one")
    await mind.remember("A secret house.", request_id="one")
    await mind.forget(kept.id)
    await mind.forget(kept.id)

    assert await published(mind) == ["memory.remembered", "memory.forgotten"]


async def test_what_was_remembered_is_recalled_as_it_was(mind: Mind) -> None:
    kept = await mind.remember(
        "The green house belongs to Ada.",
        scope=mind.scope(session_id=SESSION),
        strength=0.75,
        kind=MemoryKind.PREFERENCE,
    )

    query = RecallQuery(scope=mind.scope(session_id=SESSION), cue="green house")
    (found,) = (await Recall(memories=mind.memories)(query)).recollections

    assert found.score > 0
    assert (found.id, found.scope, found.text, found.kind, found.strength, found.source) == (
        kept.id,
        kept.scope,
        kept.text,
        kept.kind,
        kept.strength,
        kept.source,
    )
    assert (found.created_at, found.digest) == (kept.created_at, kept.digest)


async def test_what_holds_all_words_comes_before_what_holds_some(mind: Mind) -> None:
    await mind.remember("A green boat.", strength=1.0)
    await mind.remember("A green house by the sea.", strength=0.0)
    await mind.remember("A red car.")

    assert await mind.recall("the green house") == ["A green house by the sea.", "A green boat."]


async def test_of_equals_the_stronger_comes_first_then_the_newer(mind: Mind) -> None:
    await mind.remember("older house", strength=0.5)
    await mind.remember("newer house", strength=0.5)
    await mind.remember("stronger house", strength=0.9)

    assert await mind.recall("house") == ["stronger house", "newer house", "older house"]


async def test_a_word_is_found_in_its_other_forms(mind: Mind) -> None:
    await mind.remember("Ada likes painted houses")

    assert await mind.recall("paint a house") == ["Ada likes painted houses"]


@pytest.mark.parametrize("cue", ["what is the", "...", "zebra", "!!! & | ( ' \\ : *", "''\\'"])
async def test_a_cue_without_a_known_word_evokes_nothing(mind: Mind, cue: str) -> None:
    await mind.remember("what is the colour of the house")

    assert await mind.recall(cue) == []


@pytest.mark.parametrize("cue", ["house' | '", "house:*", "(house", "house \\", '"house', "house!"])
async def test_a_cue_is_words_and_never_syntax(mind: Mind, cue: str) -> None:
    await mind.remember("the house")

    assert await mind.recall(cue) == ["the house"]


async def test_no_more_is_recalled_than_was_asked_for(mind: Mind) -> None:
    for number in range(5):
        await mind.remember(f"house {number}")

    assert await mind.recall("house", limit=2) == ["house 4", "house 3"]


async def test_only_everybodys_and_ones_own_are_recalled(mind: Mind) -> None:
    await mind.remember("everybody's house", scope=MemoryScope(mind.tenant_id))
    await mind.remember("ada's house", scope=mind.scope("ada"))
    await mind.remember("eve's house", scope=mind.scope("eve"))
    await mind.remember("another tenant's house", scope=MemoryScope(mind.other_tenant))

    assert await mind.recall("house") == ["ada's house", "everybody's house"]


async def test_what_belongs_to_a_session_is_recalled_in_it_alone(mind: Mind) -> None:
    await mind.remember("house of this session", scope=mind.scope(session_id=SESSION))
    await mind.remember("house of another", scope=mind.scope(session_id=OTHER_SESSION))
    await mind.remember("house of all")

    assert await mind.recall("house", scope=mind.scope(session_id=SESSION)) == [
        "house of all",
        "house of this session",
    ]
    assert await mind.recall("house") == ["house of all"]


async def test_the_word_that_names_a_tenant_opens_nothing(mind: Mind) -> None:
    await mind.remember("another tenant's house", scope=MemoryScope(mind.other_tenant))

    assert await mind.recall(f"tenant:{mind.other_tenant} house") == []


async def test_the_same_request_remembers_once(mind: Mind) -> None:
    first = await mind.remember("the house", request_id="one")
    again = await mind.remember("the house", request_id="one")

    assert again == first
    assert await mind.recall("house") == ["the house"]


async def test_other_content_under_the_same_request_is_refused(mind: Mind) -> None:
    await mind.remember("the house", request_id="one")

    with pytest.raises(IdempotencyKeyReusedError):
        await mind.remember("the boat", request_id="one")


async def test_tenants_do_not_share_request_ids(mind: Mind) -> None:
    await mind.remember("the house", request_id="one")
    theirs = await mind.remember("the boat", request_id="one", scope=MemoryScope(mind.other_tenant))

    assert theirs.text == "the boat"


async def test_what_was_forgotten_is_gone_for_good(mind: Mind) -> None:
    kept = await mind.remember("the house", request_id="one")

    await mind.forget(kept.id)
    await mind.forget(kept.id)

    assert await mind.recall("house") == []
    again = await mind.remember("the house", request_id="one")
    assert (again.id, again.text) == (kept.id, "")
    assert await mind.recall("house") == []


async def test_nobody_forgets_what_is_anothers(mind: Mind) -> None:
    kept = await mind.remember("the house")

    with pytest.raises(MemoryNotFoundError):
        await mind.forget(kept.id, tenant_id=mind.other_tenant)
    with pytest.raises(MemoryNotFoundError):
        await mind.forget(MemoryId(mind.identifiers.next()))

    assert await mind.recall("house") == ["the house"]


async def test_records_name_a_memory_by_a_salted_hash(mind: Mind) -> None:
    first, second = await mind.remember("the house"), await mind.remember("the house")

    assert first.digest != second.digest
    assert first.digest != salted_hash(b"", "the house")


async def test_the_longest_text_and_every_letter_are_kept(mind: Mind) -> None:
    text = "house " + "𝔘é\u200b\t\n" * 1000

    kept = await mind.remember(text[:4096])

    assert await mind.recall("house") == [kept.text]


@pytest.mark.parametrize(("cue", "limit"), [("", 1), ("\x00", 1), ("house", 0), ("house", 51)])
async def test_a_cue_or_limit_out_of_range_is_refused(mind: Mind, cue: str, limit: int) -> None:
    with pytest.raises(InvalidArgumentError):
        await mind.recall(cue, limit=limit)


def note(mind: Mind, text: str, *, subject: str = "ada", tenant_id: TenantId | None = None) -> Note:
    return Note(
        id=InvocationId(mind.identifiers.next()),
        tenant_id=tenant_id or mind.tenant_id,
        subject=subject,
        session_id=SESSION,
        text=text,
        created_at=NOON + timedelta(seconds=1),
    )


async def test_a_note_is_listed_as_it_was_written(mind: Mind) -> None:
    written = note(mind, "buy milk")

    assert await mind.notes.write(written) == written
    assert list(await mind.notes.notes(mind.tenant_id, "ada", 10)) == [written]


async def test_one_invocation_writes_one_note(mind: Mind) -> None:
    written = note(mind, "buy milk")

    await mind.notes.write(written)
    await mind.notes.write(written)

    assert len(await mind.notes.notes(mind.tenant_id, "ada", 10)) == 1


async def test_notes_are_listed_newest_first_to_whom_they_belong(mind: Mind) -> None:
    first, second, third = (note(mind, text) for text in ("one", "two", "three"))
    for written in (
        first,
        second,
        third,
        note(mind, "hers", subject="eve"),
        note(mind, "theirs", tenant_id=mind.other_tenant),
    ):
        await mind.notes.write(written)

    assert list(await mind.notes.notes(mind.tenant_id, "ada", 2)) == [third, second]
