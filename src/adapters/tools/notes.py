"""The tools `note_write`, which has an effect, and `note_list`."""

from typing import Final, final

from adapters.tools.native_tool import Arguments, schema_text, text_of, whole_number_of
from application.kernel.ports import Clock, Json
from application.memory.ports import NoteStore
from application.tools.ports import ToolContext
from domain.kernel.errors import UnavailableError
from domain.memory.note import MAX_NOTE, Note
from domain.tools.errors import ToolFailedError, ToolOutcomeUnknownError
from domain.tools.tool import Tool

MOST: Final = 20

WRITE: Final = Tool(
    name="note_write",
    description="Writes a note down for the person, to be read later.",
    schema=schema_text(
        {
            "text": {
                "type": "string",
                "description": "The note.",
                "minLength": 1,
                "maxLength": MAX_NOTE,
            }
        },
        "text",
    ),
    effect=True,
    idempotent=True,
)

LIST: Final = Tool(
    name="note_list",
    description="Lists the person's notes, newest first.",
    schema=schema_text({"limit": {"type": "integer", "minimum": 1, "maximum": MOST}}),
    idempotent=True,
)


@final
class NoteWrite:
    def __init__(self, notes: NoteStore, clock: Clock) -> None:
        self._notes = notes
        self._clock = clock

    @property
    def tool(self) -> Tool:
        return WRITE

    async def run(self, arguments: Arguments, context: ToolContext) -> Json:
        """The note's id: the same invocation again writes nothing and answers the same."""
        note = Note(
            id=context.invocation_id,
            tenant_id=context.principal.tenant_id,
            subject=context.principal.subject,
            session_id=context.session_id,
            text=text_of(arguments, "text"),
            created_at=self._clock.now(),
        )
        try:
            written = await self._notes.write(note)
        except UnavailableError as down:
            raise ToolOutcomeUnknownError(WRITE.name) from down
        return {"note": str(written.id), "written": True}


@final
class NoteList:
    def __init__(self, notes: NoteStore) -> None:
        self._notes = notes

    @property
    def tool(self) -> Tool:
        return LIST

    async def run(self, arguments: Arguments, context: ToolContext) -> Json:
        """The notes of who asks, newest first."""
        principal = context.principal
        limit = min(MOST, max(1, whole_number_of(arguments, "limit", 10)))
        try:
            notes = await self._notes.notes(principal.tenant_id, principal.subject, limit)
        except UnavailableError as down:
            raise ToolFailedError(LIST.name, "the notes cannot be read now") from down
        return {
            "notes": [
                {"text": one.text, "date": one.created_at.date().isoformat()} for one in notes
            ]
        }
