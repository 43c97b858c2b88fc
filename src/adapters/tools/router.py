"""Several sources of tools, as one."""

from collections.abc import Sequence
from typing import final

from application.tools.ports import ToolContext, ToolRunner
from domain.tools.errors import ToolNotFoundError
from domain.tools.tool import Tool
from domain.tools.tool_status import ToolStatus


@final
class ToolRouter:
    """A `ToolRunner` over others; where two have a tool of one name, the first one's counts."""

    def __init__(self, runners: Sequence[ToolRunner]) -> None:
        self._runners = tuple(runners)

    def tools(self) -> Sequence[Tool]:
        """Every source's tools now: a source may gain and lose tools."""
        named: dict[str, Tool] = {}
        for runner in self._runners:
            for tool in runner.tools():
                named.setdefault(tool.name, tool)
        return tuple(named.values())

    async def run(self, tool: str, arguments: str, context: ToolContext) -> str:
        """Run a tool where it comes from.

        Raises:
            ToolNotFoundError: No source has a tool of this name.
            ToolFailedError: It could not be done; nothing took effect.
            ToolOutcomeUnknownError: It may have taken effect.
        """
        return await self._source(tool).run(tool, arguments, context)

    async def status(self, tool: str, context: ToolContext) -> ToolStatus:
        """Ask where the tool comes from.

        Raises:
            ToolNotFoundError: No source has a tool of this name.
            ToolFailedError: It cannot be asked now.
        """
        return await self._source(tool).status(tool, context)

    def _source(self, tool: str) -> ToolRunner:
        for runner in self._runners:
            if any(known.name == tool for known in runner.tools()):
                return runner
        raise ToolNotFoundError(tool, tuple(known.name for known in self.tools()))
