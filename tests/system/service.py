"""A server of an installation, as a process of its own."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from tests.plugins.keeper import ends_process
from tests.system.client import PATIENCE_SECONDS
from tests.system.installation import Installation, process_environment

PROGRAM: Final = Path(sys.executable).with_name("somagent")

LISTENS: Final = "0A"
"""The state of a listening socket, as the kernel writes it."""

_LOOK_SECONDS: Final = 0.03


class Process(Protocol):
    """What is asked of a process, whoever its parent is."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    async def wait(self) -> int: ...

    def send_signal(self, number: int, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Service:
    """A process that runs. It, and all that it started in its session, is ended in the end."""

    installation: Installation
    process: Process
    log: Path
    command: str = "serve"

    @property
    def address(self) -> str:
        return self.installation.settings.server.address

    @property
    def http_address(self) -> str:
        settings = self.installation.settings
        return {
            "relay": settings.relay.http_address,
            "consume": settings.kafka.consumers.http_address,
        }.get(self.command, settings.server.http_address)

    @property
    def said(self) -> str:
        """What it wrote on its standard streams."""
        return self.log.read_text(errors="replace")

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Its exit code, once it has ended."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.process.wait()

    async def kill(self) -> None:
        """As the machine does it to a process that takes too much: at once, without a word."""
        self.tell(signal.SIGKILL)
        await self.ended()

    async def stop(self) -> int:
        self.tell(signal.SIGTERM)
        return await self.ended()

    async def ready(self) -> None:
        """Wait until it says that it can serve.

        Raises:
            AssertionError: It has ended instead.
        """

        async def is_ready() -> bool:
            if self.process.returncode is not None:
                raise AssertionError(f"ended with {self.process.returncode}:\n{self.said}")
            return await http_status(self.http_address, "/readyz") == 200

        await until(is_ready)

    def memory(self) -> int:
        """Bytes that it has in memory."""
        status = Path("/proc", str(self.process.pid), "status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024


async def start(installation: Installation, *arguments: str, command: str = "serve") -> Service:
    """Start a server, or what else the command runs; whoever asked ends it."""
    log = installation.folder / f"server-{time.monotonic_ns()}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            command,
            *arguments,
            env=process_environment(installation),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    ends_process(process.pid)
    return Service(installation, process, log, command)


@asynccontextmanager
async def serving(
    installation: Installation, *arguments: str, command: str = "serve"
) -> AsyncGenerator[Service]:
    """A server that is ready; what is left of it at the end is killed."""
    service = await start(installation, *arguments, command=command)
    try:
        await service.ready()
        yield service
    finally:
        if service.process.returncode is None:
            service.tell(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(10):
                    await service.process.wait()
        if service.process.returncode is None:
            await service.kill()


async def until(true: Callable[[], Awaitable[bool]], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: It did not become so.
    """
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 - another process sets no event of ours
            await asyncio.sleep(_LOOK_SECONDS)


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


async def http_status(address: str, path: str) -> int:
    """The status of an answer over HTTP; 0 where nobody answers."""
    host, _, port = address.rpartition(":")
    try:
        reader, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return 0
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
        line = await reader.readline()
        return int(line.split()[1]) if line else 0
    except ConnectionError:
        return 0
    finally:
        writer.close()


async def http_body(address: str, path: str) -> str:
    """What is answered over HTTP, its head included."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
    whole = await reader.read()
    writer.close()
    return whole.decode()


def listened_ports(pid: int) -> set[int]:
    """The TCP ports on which a process listens."""
    sockets: set[str] = set()
    for descriptor in Path("/proc", str(pid), "fd").iterdir():
        with contextlib.suppress(OSError):
            sockets.add(str(descriptor.readlink()))
    found: set[int] = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc", str(pid), "net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENS and f"socket:[{fields[9]}]" in sockets:
                found.add(int(fields[1].rpartition(":")[2], 16))
    return found


def children_of(pid: int) -> list[int]:
    """The processes that a process started and that live."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(folder.name))
    return found


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
