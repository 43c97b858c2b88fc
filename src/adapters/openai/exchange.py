"""A POST to one address over aiohttp's pool and parser, without what a browser would need besides.

`ClientSession.post` looks at redirects, cookies, proxies, traces, retries and forms for every call;
a model's stream has none of them, and two such calls cost as much as a commit.
"""

from asyncio import get_running_loop
from collections.abc import Mapping
from typing import Final, final

from aiohttp import (
    BaseConnector,
    ClientConnectionError,
    ClientError,
    ClientRequest,
    ClientTimeout,
    ConnectionTimeoutError,
    StreamReader,
)
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

_CONTINUE: Final = range(100, 200)
_BYTES: Final = "application/octet-stream"


@final
class HttpAnswer:
    """An answer whose head has come. At the end of its body its connection goes back by itself."""

    __slots__ = ("_connection", "content", "headers", "status")

    def __init__(
        self,
        connection: Connection,
        status: int,
        headers: Mapping[str, str],
        content: StreamReader,
    ) -> None:
        self._connection = connection
        self.status = status
        self.headers = headers
        self.content = content
        content.on_eof(connection.release)

    @property
    def content_type(self) -> str:
        kind = self.headers.get("Content-Type", _BYTES)
        return kind.partition(";")[0].strip().lower()

    def keep_no_connection(self) -> None:
        """Close the connection after this answer, whatever the server promises of it."""
        if self._connection.protocol is not None:
            self._connection.protocol.force_close()

    def close(self) -> None:
        """Read no more: the connection is closed, unless all was read, and whoever waits ends."""
        if not self.content.at_eof():
            self.content.set_exception(ClientConnectionError("the answer was closed"))
        self._connection.close()

    def release(self) -> None:
        """Give the connection back after the body's end."""
        self._connection.release()


@final
class Exchange:
    """What is the same in every call to an address: made once, within the event loop."""

    def __init__(
        self,
        connector: BaseConnector,
        address: str,
        headers: Mapping[str, str],
        timeout: ClientTimeout,
    ) -> None:
        self._connector = connector
        self._timeout = timeout
        # Never sent: it says to the pool where to connect to, and the address as a header.
        self._place = ClientRequest("POST", URL(address), headers=headers, loop=get_running_loop())
        self._secret = ""
        self._head = self._written("")

    async def post(self, body: bytes, secret: str) -> HttpAnswer:
        """Send a body with the secret as its bearer's token, if there is one.

        Raises:
            ClientError, OSError: No answer came, or none of the protocol.
        """
        if secret != self._secret:
            self._secret, self._head = secret, self._written(secret)
        head = b"%sContent-Length: %d\r\n\r\n" % (self._head, len(body))
        try:
            connection = await self._connector.connect(self._place, [], self._timeout)
        except TimeoutError as late:
            raise ConnectionTimeoutError("no connection was made in time") from late
        try:
            return await _answer(connection, head + body)
        except BaseException:
            connection.close()
            raise

    def _written(self, secret: str) -> bytes:
        url = self._place.url
        headers = self._place.headers.copy()
        headers.popall("Content-Length", None)
        headers["Content-Type"] = "application/json"
        if secret:
            headers["Authorization"] = f"Bearer {secret}"
        lines = [f"POST {url.raw_path_qs} HTTP/1.1", *(f"{one}: {headers[one]}" for one in headers)]
        return "".join(f"{line}\r\n" for line in lines).encode()


async def _answer(connection: Connection, request: bytes) -> HttpAnswer:
    protocol, transport = connection.protocol, connection.transport
    if protocol is None or transport is None:
        raise ClientConnectionError("the connection was lost")
    protocol.set_response_params(read_until_eof=True)
    transport.write(request)
    try:
        message, content = await protocol.read()
        while message.code in _CONTINUE:
            message, content = await protocol.read()
    except HttpProcessingError as failure:
        raise ClientError("the answer's head is not of the protocol") from failure
    return HttpAnswer(connection, message.code, message.headers, content)
