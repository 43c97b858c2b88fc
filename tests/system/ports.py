"""Ports of loopback for servers that are told where to listen, and listen there later.

They are outside the range from which the system gives ports to clients, and below the one from
which brokers have theirs: between the choice of one and the start of its server nobody takes it.
"""

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from random import SystemRandom
from typing import Final

PORTS: Final = range(10_000, 20_000)
BLOCK: Final = 100
"""So many belong to a process at once, for as long as it lives."""


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, and that nobody else is given while this process lives."""
    return list(islice(_GIVEN, count))


def neighbouring_ports() -> int:
    """Such a port whose next one is such a port, too."""
    port, above = free_ports(2)
    while above != port + 1:
        port, (above,) = above, free_ports(1)
    return port


def _given() -> Iterator[int]:
    """Raises: RuntimeError: All ports are in use, or belong to others."""
    folder = Path(tempfile.gettempdir()) / f"somagent-ports-{os.geteuid()}"
    folder.mkdir(exist_ok=True)
    # Not the one that was given back last: a server of an interrupted run may still come to it.
    for first in SystemRandom().sample(PORTS[::BLOCK], len(PORTS) // BLOCK):
        if _is_claimed(folder / str(first)):
            yield from filter(_is_free, range(first, first + BLOCK))
    raise RuntimeError("no port is left for tests")


def _is_claimed(block: Path) -> bool:
    """Whether a block is ours from now on: its file stays open, and locked, until we end."""
    claim = os.open(block, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    with suppress(BlockingIOError):
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    os.close(claim)
    return False


def _is_free(port: int) -> bool:
    with socket.socket() as tried, suppress(OSError):
        tried.bind(("127.0.0.1", port))
        return True
    return False


_GIVEN: Final = _given()
