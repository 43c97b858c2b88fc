import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from adapters.inmemory.memories import InMemoryMemories, InMemoryNotes
from adapters.schema.arguments import JsonSchemaArguments
from adapters.tools.arithmetic import Arithmetic
from adapters.tools.current_time import CurrentTime
from adapters.tools.memory_search import MemorySearch
from adapters.tools.native import NativeTools
from adapters.tools.notes import NoteList, NoteWrite
from adapters.tools.router import ToolRouter
from application.kernel.ports import Json
from application.memory.ports import Recalled, RememberText
from application.memory.remember import Remember, RememberCommand
from application.tools.ports import ToolContext, ToolRunner
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.identifiers import InvocationId, TenantId
from domain.kernel.principal import Principal
from domain.memory.events import MemoryForgotten
from domain.memory.note import Note
from domain.memory.recollection import MemoryScope, Recollection
from domain.tools.errors import (
    ToolArgumentsInvalidError,
    ToolFailedError,
    ToolNotFoundError,
    ToolOutcomeUnknownError,
)
from tests.builders import OTHER_TENANT, SESSION, TENANT, principal
from tests.fakes import CountingIdentifiers, StoppedClock
from tests.receipts import JSON


def context(*, of: Principal | None = None, invocation: int = 1) -> ToolContext:
    invocation_id = InvocationId(UUID(int=invocation))
    return ToolContext(
        principal=of or principal(),
        session_id=SESSION,
        invocation_id=invocation_id,
        seconds=10.0,
    )


def native(
    memories: InMemoryMemories | None = None, notes: InMemoryNotes | None = None
) -> NativeTools:
    clock, kept = StoppedClock(), notes or InMemoryNotes()
    return NativeTools(
        [
            CurrentTime(clock),
            Arithmetic(),
            MemorySearch(memories or InMemoryMemories()),
            NoteWrite(kept, clock),
            NoteList(kept),
        ]
    )


async def answer(
    runner: ToolRunner, tool: str, arguments: Json, asked: ToolContext | None = None
) -> Json:
    """Check and run, as the product does."""
    text = json.dumps(arguments)
    (described,) = [known for known in runner.tools() if known.name == tool]
    JsonSchemaArguments().check(described, text)
    read: Json = json.loads(await runner.run(tool, text, asked or context()))
    return read


class TestCurrentTime:
    @pytest.mark.parametrize(
        ("zone", "time"),
        [
            ("UTC", "2026-11-21T12:00:00+00:00"),
            ("Europe/Berlin", "2026-11-21T13:00:00+01:00"),
            ("America/Argentina/Buenos_Aires", "2026-11-21T09:00:00-03:00"),
            ("Etc/GMT+5", "2026-11-21T07:00:00-05:00"),
        ],
    )
    async def test_tells_the_time_of_a_zone(self, zone: str, time: str) -> None:
        told = await answer(native(), "current_time", {"zone": zone})

        assert told == {"time": time, "zone": zone, "weekday": "Saturday"}

    async def test_tells_universal_time_unless_asked(self) -> None:
        told = await answer(native(), "current_time", {})

        assert told == {"time": "2026-11-21T12:00:00+00:00", "zone": "UTC", "weekday": "Saturday"}

    @pytest.mark.parametrize("zone", ["Mars/Base", "Europe", "localtime/x", "posixrules_"])
    async def test_knows_no_other_zone(self, zone: str) -> None:
        with pytest.raises((ToolFailedError, ToolArgumentsInvalidError)):
            await answer(native(), "current_time", {"zone": zone})

    @pytest.mark.parametrize(
        "zone", ["../../etc/passwd", "/etc/passwd", "Europe/../UTC", "\x00", ""]
    )
    async def test_reads_no_other_file(self, zone: str) -> None:
        """Not even when nobody has checked the arguments."""
        with pytest.raises(ToolFailedError):
            await native().run("current_time", json.dumps({"zone": zone}), context())


class TestArithmetic:
    async def test_computes_exactly(self) -> None:
        told = await answer(native(), "arithmetic", {"expression": "17.5 * 3"})

        assert told == {"result": "52.5", "exact": True}

    async def test_says_when_it_has_rounded(self) -> None:
        told = await answer(native(), "arithmetic", {"expression": "1/3"})

        assert isinstance(told, dict)
        assert (told["exact"], told["note"]) == (False, "rounded to 50 digits")

    async def test_says_what_is_wrong(self) -> None:
        with pytest.raises(ToolFailedError, match="division by zero"):
            await answer(native(), "arithmetic", {"expression": "1/0"})

    @pytest.mark.parametrize("expression", ["two plus 2?", "", "import os;", "1" * 513])
    async def test_takes_no_words(self, expression: str) -> None:
        with pytest.raises(ToolArgumentsInvalidError, match=r"\$\.expression"):
            await answer(native(), "arithmetic", {"expression": expression})


class TestMemorySearch:
    async def test_finds_what_the_person_may_recall(self) -> None:
        memories = InMemoryMemories()
        remember = Remember(
            memories=memories, json=JSON, clock=StoppedClock(), identifiers=CountingIdentifiers()
        )
        for number, scope in enumerate(
            (MemoryScope(TENANT, "ada"), MemoryScope(TENANT, "eve"), MemoryScope(OTHER_TENANT))
        ):
            text = f"the green house of {scope.subject or 'nobody'}"
            await remember(RememberCommand(scope=scope, request_id=str(number), text=text))

        told = await answer(native(memories), "memory_search", {"query": "green house"})

        assert told == {
            "memories": [{"text": "the green house of ada", "kind": "fact", "date": "2026-11-21"}]
        }

    async def test_fails_when_the_memory_does_not_answer(self) -> None:
        runner = NativeTools([MemorySearch(SilentMemories())])

        with pytest.raises(ToolFailedError, match="does not answer"):
            await answer(runner, "memory_search", {"query": "x"})


class TestNotes:
    async def test_are_listed_to_whom_they_were_written_for(self) -> None:
        runner = native()
        await answer(runner, "note_write", {"text": "buy milk"}, context(invocation=1))
        await answer(runner, "note_write", {"text": "buy tea"}, context(invocation=2))

        mine = await answer(runner, "note_list", {})
        theirs = await answer(runner, "note_list", {}, context(of=principal(subject="eve")))

        assert mine == {
            "notes": [
                {"text": "buy tea", "date": "2026-11-21"},
                {"text": "buy milk", "date": "2026-11-21"},
            ]
        }
        assert theirs == {"notes": []}

    async def test_are_written_once_for_one_invocation(self) -> None:
        notes = InMemoryNotes()
        runner = native(notes=notes)

        first = await answer(runner, "note_write", {"text": "buy milk"})
        again = await answer(runner, "note_write", {"text": "buy milk"})

        assert first == again
        assert len(notes.stored) == 1

    async def test_may_have_been_written_when_the_database_did_not_answer(self) -> None:
        runner = NativeTools([NoteWrite(SilentNotes(), StoppedClock())])

        with pytest.raises(ToolOutcomeUnknownError):
            await answer(runner, "note_write", {"text": "buy milk"})

    async def test_cannot_be_listed_when_the_database_does_not_answer(self) -> None:
        runner = NativeTools([NoteList(SilentNotes())])

        with pytest.raises(ToolFailedError):
            await answer(runner, "note_list", {})


class TestNativeTools:
    def test_only_writing_a_note_has_an_effect(self) -> None:
        assert [tool.name for tool in native().tools() if tool.effect] == ["note_write"]

    def test_every_schema_is_admitted(self) -> None:
        for tool in native().tools():
            JsonSchemaArguments().admit(tool.schema)

    @pytest.mark.parametrize("arguments", ["", "[]", "null", "{", '"x"'])
    async def test_unchecked_arguments_fail(self, arguments: str) -> None:
        with pytest.raises(ToolFailedError):
            await native().run("arithmetic", arguments, context())


class TestToolRouter:
    async def test_runs_a_tool_where_it_is(self) -> None:
        router = ToolRouter(
            [NativeTools([Arithmetic()]), NativeTools([CurrentTime(StoppedClock())])]
        )

        assert [tool.name for tool in router.tools()] == ["arithmetic", "current_time"]
        assert await answer(router, "arithmetic", {"expression": "1+1"}) == {
            "result": "2",
            "exact": True,
        }

    async def test_says_what_there_is_instead_of_an_unknown_tool(self) -> None:
        router = ToolRouter([native()])

        with pytest.raises(ToolNotFoundError, match="arithmetic"):
            await router.run("rm", "{}", context())
        with pytest.raises(ToolNotFoundError, match="arithmetic"):
            await native().run("rm", "{}", context())

    def test_the_first_of_two_tools_of_one_name_counts(self) -> None:
        router = ToolRouter([NativeTools([Arithmetic()]), native()])

        assert [tool.name for tool in router.tools()].count("arithmetic") == 1


@dataclass(slots=True)
class SilentMemories:
    """A memory whose database does not answer; it knows what it was asked."""

    asked: list[object] = field(default_factory=list[object])

    async def remember(self, command: RememberText) -> Recollection:
        self.asked.append(command)
        raise StorageUnavailableError

    async def recall(self, scope: MemoryScope, cue: str, limit: int) -> Recalled:
        self.asked.append((scope, cue, limit))
        raise StorageUnavailableError

    async def forget(self, fact: MemoryForgotten) -> None:
        self.asked.append((fact.tenant_id, fact.memory_id))
        raise StorageUnavailableError


@dataclass(slots=True)
class SilentNotes:
    """Notes whose database does not answer; they know what they were asked."""

    asked: list[object] = field(default_factory=list[object])

    async def write(self, note: Note) -> Note:
        self.asked.append(note)
        raise StorageUnavailableError

    async def notes(self, tenant_id: TenantId, subject: str, limit: int) -> Sequence[Note]:
        self.asked.append((tenant_id, subject, limit))
        raise StorageUnavailableError
