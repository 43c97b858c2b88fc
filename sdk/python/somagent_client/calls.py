"""Calls with one answer: made again under the same request id until a server has answered."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import uuid4

import grpc

from somagent_client.errors import refused
from somagent_client.servers import Attempts, Servers

if TYPE_CHECKING:  # generic in its stubs alone
    from grpc.aio import UnaryUnaryMultiCallable

CALL_SECONDS: Final = 30.0
TURN_SECONDS: Final = 300.0
"""The longest that a turn may take at a server of default settings."""

Q = TypeVar("Q")
A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Calls:
    """What a caller shows, and whom he calls."""

    servers: Servers
    metadata: Sequence[tuple[str, str]]

    def request_id(self) -> str:
        """Names one intent, so that repeating it changes nothing."""
        return str(uuid4())

    def attempts(self, seconds: float) -> Attempts:
        """Attempts at one call, for so long."""
        deadline = asyncio.get_running_loop().time() + seconds
        return Attempts(servers=self.servers, deadline=deadline)

    async def ask(
        self,
        method: Callable[[grpc.aio.Channel], "UnaryUnaryMultiCallable[Q, A]"],
        request: Q,
        seconds: float = CALL_SECONDS,
    ) -> A:
        """One call and its answer.

        Raises:
            RefusedError: The server refused, or none answered in time.
        """
        attempts = self.attempts(seconds)
        while True:
            call = method(attempts.server().channel)
            try:
                return await call(request, timeout=attempts.seconds_left, metadata=self.metadata)
            except grpc.aio.AioRpcError as error:
                await attempts.again(refused(error))
