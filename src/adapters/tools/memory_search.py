"""The tool `memory_search`: what is remembered about something."""

from typing import Final, final

from adapters.tools.native_tool import Arguments, schema_text, text_of, whole_number_of
from application.kernel.ports import Json
from application.memory.ports import MemoryStore
from application.tools.ports import ToolContext
from domain.kernel.errors import UnavailableError
from domain.memory.recollection import MemoryScope
from domain.tools.errors import ToolFailedError
from domain.tools.tool import Tool

MOST: Final = 10

TOOL: Final = Tool(
    name="memory_search",
    description="Searches what is remembered about the person and earlier sessions.",
    schema=schema_text(
        {
            "query": {
                "type": "string",
                "description": "A few words of what to look for.",
                "minLength": 1,
                "maxLength": 256,
            },
            "limit": {"type": "integer", "minimum": 1, "maximum": MOST},
        },
        "query",
    ),
    idempotent=True,
)


@final
class MemorySearch:
    def __init__(self, memories: MemoryStore) -> None:
        self._memories = memories

    @property
    def tool(self) -> Tool:
        return TOOL

    async def run(self, arguments: Arguments, context: ToolContext) -> Json:
        """The texts found, best first."""
        principal = context.principal
        scope = MemoryScope(principal.tenant_id, principal.subject, context.session_id)
        limit = min(MOST, max(1, whole_number_of(arguments, "limit", 5)))
        try:
            recalled = await self._memories.recall(scope, text_of(arguments, "query"), limit)
        except UnavailableError as down:
            raise ToolFailedError(TOOL.name, "the memory does not answer") from down
        return {
            "memories": [
                {
                    "text": one.text,
                    "kind": one.kind.value,
                    "date": one.created_at.date().isoformat(),
                }
                for one in recalled.recollections
            ]
        }
