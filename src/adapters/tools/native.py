"""The tools of this process, as one source."""

from collections.abc import Mapping, Sequence
from typing import final

import orjson

from adapters.tools.native_tool import Arguments, NativeTool
from application.kernel.ports import Json
from application.tools.ports import ToolContext
from domain.tools.errors import ToolFailedError, ToolNotFoundError
from domain.tools.tool import Tool
from domain.tools.tool_status import CallFate, ToolStatus


@final
class NativeTools:
    """A `ToolRunner` of tools that are written here."""

    def __init__(self, tools: Sequence[NativeTool]) -> None:
        self._native = {native.tool.name: native for native in tools}
        self._tools = tuple(native.tool for native in self._native.values())

    def tools(self) -> Sequence[Tool]:
        return self._tools

    async def run(self, tool: str, arguments: str, context: ToolContext) -> str:
        """Run a tool; the answer is compact JSON.

        Raises:
            ToolNotFoundError: There is none of this name here.
            ToolFailedError: It could not be done; nothing took effect.
            ToolOutcomeUnknownError: It may have taken effect.
        """
        native = self._native.get(tool)
        if native is None:
            raise ToolNotFoundError(tool, tuple(self._native))
        answer = await native.run(_object(tool, arguments), context)
        return orjson.dumps(answer).decode()

    async def status(self, tool: str, context: ToolContext) -> ToolStatus:
        """UNKNOWN: none of these keeps what became of a call; those with effects are idempotent."""
        del tool, context
        return ToolStatus(CallFate.UNKNOWN)


def _object(tool: str, arguments: str) -> Arguments:
    try:
        read: Json = orjson.loads(arguments)
    except orjson.JSONDecodeError as refused:
        raise ToolFailedError(tool, "its arguments are not JSON") from refused
    if not isinstance(read, Mapping):
        raise ToolFailedError(tool, "its arguments are not a JSON object")
    return read
