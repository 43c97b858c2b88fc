"""Calls of one tool over HTTP, as a test asks for them."""

from dataclasses import replace
from uuid import UUID

from adapters.http_tools.http_tool import HttpTool
from adapters.http_tools.http_tools import open_http_tools
from application.tools.ports import ToolContext
from domain.kernel.identifiers import InvocationId
from domain.tools.tool import Tool
from domain.tools.tool_status import ToolStatus
from tests.builders import SESSION, principal
from tests.upstream.tool_server import ToolServer

KEY = "00000000-0000-0000-0000-000000000001"
SHORT = 2.0
"""Seconds in which a server on this machine is reached, however busy that is."""


def context(seconds: float = 10.0) -> ToolContext:
    return ToolContext(
        principal=principal(),
        session_id=SESSION,
        invocation_id=InvocationId(UUID(KEY)),
        seconds=seconds,
    )


def served(
    server: ToolServer, *, effect: bool = True, idempotent: bool = False, askable: bool = False
) -> HttpTool:
    """The tool `send` of this server."""
    tool = Tool(
        name="send",
        description="Sends.",
        schema='{"type":"object"}',
        effect=effect,
        idempotent=idempotent,
        askable=askable,
        host="127.0.0.1",
    )
    status = f"{server.url}/status/{{key}}" if askable else ""
    return HttpTool(tool=tool, url=f"{server.url}/send", status_url=status)


async def run(tool: HttpTool, arguments: str = '{"to":"ada"}', seconds: float = 10.0) -> str:
    async with open_http_tools([tool]) as tools:
        return await tools.run("send", arguments, context(seconds))


async def asked(tool: HttpTool) -> ToolStatus:
    async with open_http_tools([tool]) as tools:
        return await tools.status("send", context())


def quickly(tool: HttpTool) -> HttpTool:
    """The tool, which is waited for no longer than it takes to reach it."""
    return replace(tool, seconds=SHORT)
