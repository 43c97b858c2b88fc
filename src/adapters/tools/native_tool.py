"""What a tool of this process is made of."""

from collections.abc import Mapping
from typing import Protocol

import orjson

from application.kernel.ports import Json
from application.tools.ports import ToolContext
from domain.tools.tool import Tool

Arguments = Mapping[str, Json]


class NativeTool(Protocol):
    @property
    def tool(self) -> Tool: ...

    async def run(self, arguments: Arguments, context: ToolContext, /) -> Json:
        """Answer the arguments, which fit the tool's schema.

        Raises:
            ToolFailedError: It cannot be done; nothing took effect.
            ToolOutcomeUnknownError: It may have taken effect.
        """
        ...


def schema_text(properties: Mapping[str, Json], *required: str) -> str:
    """The JSON Schema of an object with these properties and no others."""
    schema = {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }
    return orjson.dumps(schema).decode()


def text_of(arguments: Arguments, name: str, default: str = "") -> str:
    value = arguments.get(name)
    return value if isinstance(value, str) else default


def whole_number_of(arguments: Arguments, name: str, default: int) -> int:
    value = arguments.get(name)
    return int(value) if isinstance(value, int | float) else default
