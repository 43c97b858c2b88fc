"""Connections over which nothing comes any more."""

import os
import socket
from asyncio import get_running_loop
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TypeAlias

import psycopg

AnyConnection: TypeAlias = psycopg.AsyncConnection[tuple[object, ...]]


@contextmanager
def hanging_up_after(connection: AnyConnection, seconds: float) -> Generator[None]:
    """Give the connection up when this takes longer.

    What waits for it then fails at once, as when the server hangs up. A cancellation would first
    ask the server to stop, and wait for its answer over the same connection.
    """
    watch = get_running_loop().call_later(seconds, _hang_up, connection)
    try:
        yield
    finally:
        watch.cancel()


def _hang_up(connection: AnyConnection) -> None:
    with (
        suppress(OSError, psycopg.Error),  # then it is closed already
        socket.socket(fileno=os.dup(connection.fileno())) as other_end,
    ):
        other_end.shutdown(socket.SHUT_RDWR)
