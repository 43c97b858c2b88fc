"""Servers that are forked from a process that has imported everything: started in no time."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import final

from tests.system.birth import Asked
from tests.system.installation import Installation, process_environment
from tests.system.service import Service


@final
class ForkedProcess:
    """A process that somebody else is the parent of, and tells us of."""

    def __init__(self, pid: int, parent: "Nursery") -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._handle = os.pidfd_open(pid)
        self._ending = asyncio.create_task(self._end(parent))

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        return await asyncio.shield(self._ending)

    def send_signal(self, number: int) -> None:
        """Nothing where it has ended: the handle is of this process and never of another one."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    async def _end(self, parent: "Nursery") -> int:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._handle, over.set)
        try:
            await over.wait()
        finally:
            loop.remove_reader(self._handle)
        code = await parent.tell({"ended": self.pid})
        self.returncode = code
        os.close(self._handle)
        return code


@final
class Nursery:
    """The process that forks servers."""

    def __init__(self, asking: asyncio.StreamWriter, answers: asyncio.StreamReader) -> None:
        self._asking = asking
        self._answers = answers
        self._turn = asyncio.Lock()

    async def start(self, installation: Installation) -> Service:
        """Start a server; whoever asked ends it."""
        log = installation.folder / f"server-{time.monotonic_ns()}.log"
        log.touch()
        pid = await self.tell(
            {
                "birth": {
                    "arguments": ("serve",),
                    "environment": process_environment(installation),
                    "log": str(log),
                }
            }
        )
        return Service(installation, ForkedProcess(pid, self), log)

    async def tell(self, asked: Asked) -> int:
        """Ask for one thing; the process or the exit code that it is answered with."""
        async with self._turn:
            self._asking.write(json.dumps(asked).encode() + b"\n")
            await self._asking.drain()
            answer = await self._answers.readline()
        if not answer:
            raise AssertionError("the nursery has ended; it said why above")
        return int(answer)


@asynccontextmanager
async def nursery(hash_seed: int) -> AsyncGenerator[Nursery]:
    """A process from which servers are forked; those that live at the end are killed by it.

    Sets of strings have the order that `hash_seed` (32 bits) gives them, in all of them.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.system.nursery",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        # Read as gRPC is imported; the program sets it before that as well.
        env={**os.environ, "GRPC_VERBOSITY": "NONE", "PYTHONHASHSEED": str(hash_seed)},
        start_new_session=True,  # it ends with whoever holds its input, not at their signals
    )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("a process without its pipes")
    try:
        yield Nursery(process.stdin, process.stdout)
    finally:
        process.stdin.close()
        await process.wait()
