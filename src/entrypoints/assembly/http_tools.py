"""The tools that others serve over HTTP, as the settings declare them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from adapters.http_tools.http_tool import CredentialSource, HttpTool, KeyPlace
from adapters.http_tools.http_tools import HttpTools, open_http_tools
from domain.tools.tool import Tool
from entrypoints.assembly.secrets import SecretKeeper
from entrypoints.failure import StartError
from entrypoints.settings.tools import HttpToolSettings, ToolSettings


@asynccontextmanager
async def open_served_tools(
    settings: ToolSettings, secrets: SecretKeeper
) -> AsyncGenerator[HttpTools]:
    """Open what calls of these tools go out by."""
    async with open_http_tools([_tool(one, secrets) for one in settings.http]) as tools:
        yield tools


def _tool(one: HttpToolSettings, secrets: SecretKeeper) -> HttpTool:
    return HttpTool(
        tool=Tool(
            name=one.name,
            description=one.description,
            schema=one.input_schema,
            effect=one.effect,
            dangerous=one.dangerous,
            idempotent=one.idempotent,
            askable=bool(one.status_url),
            host=urlsplit(str(one.url)).hostname or "",
        ),
        url=str(one.url),
        key_place=KeyPlace(one.key_in.value),
        key_name=one.key_name,
        status_url=one.status_url,
        seconds=one.timeout_seconds,
        max_result_bytes=one.max_result_bytes,
        authorization=None if one.authorization is None else _source(one.authorization, secrets),
    )


def _source(reference: str, secrets: SecretKeeper) -> CredentialSource:
    async def credential() -> str:
        try:
            return await secrets.get(reference) or ""
        except StartError:
            # Only this tool fails while the store cannot be read.
            return ""

    return credential
