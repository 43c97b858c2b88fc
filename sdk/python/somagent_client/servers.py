"""The servers of one service: which one is spoken to, and what happens when it does not answer."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

import grpc

from somagent_client.errors import RefusedError
from somagent_client.retrying import RetryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """How servers are connected to.

    A connection is encrypted, save to this machine itself or where `plaintext` says so. `authority`
    is the content of a PEM file whose certificates are trusted instead of the system's;
    `credentials` replace both, for client certificates. A connection on which nothing comes for
    `keepalive_seconds` is asked whether it lives, and given up when that is not answered in time;
    the server forbids asking more often than its `server.min_ping_interval_seconds`.
    """

    plaintext: bool = False
    authority: bytes = b""
    credentials: grpc.ChannelCredentials | None = None
    keepalive_seconds: float = 20.0
    keepalive_timeout_seconds: float = 10.0
    connect_seconds: float = 5.0
    max_message_bytes: int = 16 * 1024 * 1024

    def channel(self, address: str) -> grpc.aio.Channel:
        """A channel to one server; nothing is sent before its first call."""
        credentials = self.credentials
        if credentials is None and (self.authority or not (self.plaintext or is_local(address))):
            credentials = grpc.ssl_channel_credentials(self.authority or None)
        if credentials is None:
            return grpc.aio.insecure_channel(address, self._options())
        return grpc.aio.secure_channel(address, credentials, self._options())

    def _options(self) -> Sequence[tuple[str, int]]:
        def milliseconds(seconds: float) -> int:
            return max(1, round(seconds * 1000))

        return (
            # The client retries by itself: gRPC would try the same server again.
            ("grpc.enable_retries", 0),
            # Else channels of one process share a connection, and its backoff after a failure.
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1000),
            ("grpc.min_reconnect_backoff_ms", milliseconds(self.connect_seconds)),
            ("grpc.keepalive_time_ms", milliseconds(self.keepalive_seconds)),
            ("grpc.keepalive_timeout_ms", milliseconds(self.keepalive_timeout_seconds)),
            # What is waited for after a ping is the longer of the two.
            ("grpc.http2.ping_timeout_ms", milliseconds(self.keepalive_timeout_seconds)),
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.max_receive_message_length", self.max_message_bytes),
        )


def is_local(address: str) -> bool:
    """Whether what is sent there never leaves this machine."""
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(slots=True)
class Server:
    """One of them. It has asked not to be called before `free_at`, in time of the event loop."""

    address: str
    channel: grpc.aio.Channel
    free_at: float = 0.0


@dataclass(slots=True)
class Servers:
    """The servers in the order of preference; the one that answered last is kept to."""

    all: Sequence[Server]
    policy: RetryPolicy
    _current: int = field(default=0, init=False)

    def best(self, now: float) -> Server:
        """The first, from the current one on, that takes calls now; else the one that soon does."""
        ordered = [*self.all[self._current :], *self.all[: self._current]]
        return min(ordered, key=lambda server: max(server.free_at, now))

    def failed(self, server: Server, now: float, retry_after_seconds: float | None) -> None:
        """Prefer the next one."""
        server.free_at = now + (retry_after_seconds or 0.0)
        if self.all[self._current] is server:
            self._current = (self._current + 1) % len(self.all)

    async def close(self) -> None:
        for server in self.all:
            await server.channel.close()


CUT_OFF: Final = frozenset({grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN})
"""With these, and no reason, gRPC says that a stream was cut off. Our server gives a reason."""


@dataclass(slots=True, kw_only=True)
class Attempts:
    """The attempts at one call until `deadline`, in time of the event loop."""

    servers: Servers
    deadline: float
    vain: int = 0
    _server: Server | None = None

    def server(self) -> Server:
        """Whom to ask now."""
        self._server = self.servers.best(_now())
        return self._server

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.deadline - _now())

    def got_on(self) -> None:
        """Something was achieved: what comes next is a first attempt again."""
        self.vain = 0

    async def again(self, error: RefusedError) -> None:
        """Wait until it may be tried again, with another server where there is one.

        Raises:
            RefusedError: The error itself: it is not one to try again at, or the time is over.
        """
        if not self._passes(error):
            raise error
        if self._server is not None:
            self.servers.failed(self._server, _now(), error.refusal.retry_after_seconds)
        await self.later(error)

    async def later(self, error: RefusedError) -> None:
        """Wait until it may be tried again.

        Raises:
            RefusedError: The error itself: the time is over.
        """
        self.vain += 1
        now = _now()
        free_in = self.servers.best(now).free_at - now
        seconds = max(self.servers.policy.seconds(self.vain), free_in)
        if now + seconds >= self.deadline:
            raise error
        await asyncio.sleep(seconds)

    def _passes(self, error: RefusedError) -> bool:
        if error.code in self.servers.policy.codes:
            return True
        return error.code in CUT_OFF and not error.reason


def _now() -> float:
    return asyncio.get_running_loop().time()
