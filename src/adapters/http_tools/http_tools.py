"""Tools that others serve over HTTP, as one source."""

from collections import Counter
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final, final

import orjson
from aiohttp import ClientSession, DummyCookieJar, TCPConnector

from adapters.http_tools.exchange import LostError, NotTakenError, Request, exchange
from adapters.http_tools.http_tool import KEY_HEADER, HttpTool, KeyPlace
from adapters.http_tools.keyed_body import keyed_body
from application.kernel.ports import Json
from application.tools.ports import ToolContext
from domain.tools.errors import ToolFailedError, ToolNotFoundError, ToolOutcomeUnknownError
from domain.tools.tool import Tool
from domain.tools.tool_status import CallFate, ToolStatus

ATTEMPTS: Final = 2
"""How often a call is made that may be made again, where its first answer was lost."""

AT_ONCE: Final = 100
"""So many calls of one tool are under way in this process; slow ones leave the others room."""

STATUS_SECONDS: Final = 5.0

_HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "somagent"}


@final
class HttpTools:
    """A `ToolRunner`; made by `open_http_tools`."""

    def __init__(self, tools: Sequence[HttpTool], http: ClientSession) -> None:
        self._served = {one.tool.name: one for one in tools}
        self._tools = tuple(one.tool for one in self._served.values())
        self._http = http
        self._under_way = Counter[str]()

    def tools(self) -> Sequence[Tool]:
        return self._tools

    async def run(self, tool: str, arguments: str, context: ToolContext) -> str:
        """Post the arguments; the answer is the body of a status from 200 to 299.

        Raises:
            ToolNotFoundError: There is none of this name here.
            ToolFailedError: It was not reached, or refused, or too many calls of it are under way;
                nothing took effect.
            ToolOutcomeUnknownError: It has effects, and how it ended is not known.
        """
        served = self._found(tool)
        with self._room(tool):
            return await self._run(served, arguments, context)

    async def _run(self, served: HttpTool, arguments: str, context: ToolContext) -> str:
        tool = served.tool.name
        request = Request(
            url=served.url,
            headers=await self._headers(served, context) | {"Content-Type": "application/json"},
            body=_body(served, arguments, context),
            seconds=min(served.seconds, context.seconds),
            most=served.max_result_bytes,
        )
        try:
            return await self._posted(served.tool, request)
        except NotTakenError as refused:
            raise ToolFailedError(tool, str(refused)) from refused
        except LostError as lost:
            if not served.tool.effect:
                raise ToolFailedError(tool, str(lost)) from lost
        return await self._found_out(tool, context)

    async def status(self, tool: str, context: ToolContext) -> ToolStatus:
        """Ask what became of the call with this key.

        Raises:
            ToolNotFoundError: There is none of this name here.
            ToolFailedError: It does not answer, or not in the form that was agreed.
        """
        served = self._found(tool)
        if not served.tool.askable:
            return ToolStatus(CallFate.UNKNOWN)
        request = Request(
            url=served.status_url.replace("{key}", context.idempotency_key),
            headers=await self._headers(served, context),
            body=None,
            seconds=min(STATUS_SECONDS, context.seconds),
            most=served.max_result_bytes,
        )
        try:
            return _status(await exchange(self._http, request))
        except (NotTakenError, LostError, ValueError) as failure:
            raise ToolFailedError(tool, "it does not say what became of the call") from failure

    async def _posted(self, tool: Tool, request: Request) -> str:
        again = tool.idempotent or not tool.effect
        for _ in range(ATTEMPTS - 1 if again else 0):
            try:
                return await exchange(self._http, request)
            except LostError:
                continue
        try:
            return await exchange(self._http, request)
        except NotTakenError as refused:
            if again and tool.effect:
                # An attempt before may have been taken.
                raise LostError(str(refused)) from refused
            raise

    async def _found_out(self, tool: str, context: ToolContext) -> str:
        """The result of a call whose answer was lost, where the tool still tells it."""
        try:
            status = await self.status(tool, context)
        except ToolFailedError as silent:
            raise ToolOutcomeUnknownError(tool) from silent
        match status.fate:
            case CallFate.SUCCEEDED:
                return status.result
            case CallFate.FAILED | CallFate.NOT_EXECUTED:
                raise ToolFailedError(tool, "it says so when asked")
            case CallFate.UNKNOWN:
                raise ToolOutcomeUnknownError(tool)

    async def _headers(self, served: HttpTool, context: ToolContext) -> dict[str, str]:
        header = served.key_name if served.key_place is KeyPlace.HEADER else KEY_HEADER
        headers = {header: context.idempotency_key}
        if served.authorization is not None:
            credential = await served.authorization()
            if not (credential and credential.isascii() and credential.isprintable()):
                raise ToolFailedError(served.tool.name, "its credential cannot be had")
            headers["Authorization"] = credential
        return headers

    @contextmanager
    def _room(self, tool: str) -> Generator[None]:
        if self._under_way[tool] >= AT_ONCE:
            raise ToolFailedError(tool, f"{AT_ONCE} calls of it are under way, and no more fit")
        self._under_way[tool] += 1
        try:
            yield
        finally:
            self._under_way[tool] -= 1

    def _found(self, tool: str) -> HttpTool:
        served = self._served.get(tool)
        if served is None:
            raise ToolNotFoundError(tool, tuple(self._served))
        return served


@asynccontextmanager
async def open_http_tools(tools: Sequence[HttpTool]) -> AsyncGenerator[HttpTools]:
    """Open what calls go out by; on leaving, every connection is closed."""
    async with ClientSession(
        # No connection is used twice: one that its server closed meanwhile would lose a call that
        # was never taken, and nobody could tell. Calls are bounded by tool, never all together.
        connector=TCPConnector(force_close=True, limit=0),
        cookie_jar=DummyCookieJar(),
        headers=_HEADERS,
        trust_env=False,
        auto_decompress=False,
    ) as http:
        yield HttpTools(tools, http)


def _body(served: HttpTool, arguments: str, context: ToolContext) -> bytes:
    if served.key_place is KeyPlace.HEADER:
        return arguments.encode()
    try:
        return keyed_body(arguments, served.key_name, context.idempotency_key)
    except ValueError as refused:
        raise ToolFailedError(served.tool.name, "its arguments are not a JSON object") from refused


def _status(answer: str) -> ToolStatus:
    """Read `{"status": "succeeded", "result": …}`.

    Raises:
        ValueError: It is something else.
    """
    read: Json = orjson.loads(answer)
    if not isinstance(read, Mapping):
        raise ValueError(answer)  # noqa: TRY004 - whoever answered is to blame, not a caller
    fate, result = CallFate(read.get("status")), read.get("result", "")
    return ToolStatus(fate, result if isinstance(result, str) else orjson.dumps(result).decode())
