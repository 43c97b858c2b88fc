"""The local model: llama.cpp's server in a child process, started, watched and restarted."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from secrets import token_urlsafe
from shutil import rmtree
from tempfile import mkdtemp
from typing import final

import msgspec

from adapters.llama.child_order import READY, ChildOrder
from adapters.llama.errors import LocalModelError
from adapters.llama.local_model import MODEL, LocalModel
from adapters.llama.weights import find_weights


class Progress(StrEnum):
    """What is reported while the model starts, also when it starts again."""

    LOADING = "loading"
    READY = "ready"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaTerms:
    """How the server runs. `weights` None takes those that are installed beside.

    `window` is in tokens, of one call, at most the 8192 that our model was trained on; `slots`
    calls run at once; each token of each slot takes 23 KiB. One thread, because more of them
    collapse when cores are shared. Seconds: `start` is how long loading may take, `first_pause` and
    `longest_pause` bound the pause before a restart, which doubles unless the server had lived for
    `settled`.
    """

    weights: Path | None = None
    window: int = 4096
    slots: int = 2
    threads: int = 1
    cache_mib: int = 256
    start: float = 60.0
    stop: float = 5.0
    first_pause: float = 0.2
    longest_pause: float = 30.0
    settled: float = 60.0


def _unheard(_progress: Progress) -> None:
    pass


@asynccontextmanager
async def open_llama_server(
    terms: LlamaTerms = LlamaTerms(),
    on_progress: Callable[[Progress], None] = _unheard,
) -> AsyncGenerator["LlamaServer"]:
    """Start the server and wait until it answers; it is ended on leaving, or when we die.

    Raises:
        LocalModelError: It has no weights, or did not start.
    """
    folder = mkdtemp(prefix="somagent-llama-")  # 0700, so its socket is ours alone
    try:
        server = LlamaServer(terms, Path(folder), on_progress)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()
    finally:
        rmtree(folder, ignore_errors=True)


@final
class LlamaServer:
    """Made by `open_llama_server`."""

    def __init__(
        self, terms: LlamaTerms, folder: Path, on_progress: Callable[[Progress], None]
    ) -> None:
        self._terms = terms
        self._on_progress = on_progress
        self._order = ChildOrder(
            weights=str(terms.weights or find_weights()),
            model=MODEL,
            socket=str(folder / "llama.sock"),
            key=token_urlsafe(32),
            window=terms.window,
            slots=terms.slots,
            threads=terms.threads,
            cache_mib=terms.cache_mib,
        )
        self._said: deque[bytes] = deque(maxlen=20)
        self._process: Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def model(self) -> LocalModel:
        return LocalModel(
            socket=self._order.socket, key=self._order.key, context_window=self._order.window
        )

    @property
    def pid(self) -> int | None:
        """The child's process id; None while there is no child."""
        return self._process.pid if self._process else None

    @property
    def said(self) -> tuple[str, ...]:
        """The last lines of llama.cpp's own errors, for people who look for a fault."""
        return tuple(line.decode(errors="replace").rstrip() for line in self._said)

    async def start(self) -> None:
        """Start the child, and from then on start it again whenever it ends."""
        await self._spawn()
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """End the child: by closing its input, and by force if it does not heed that."""
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
        await self._end()

    async def _spawn(self) -> None:
        self._on_progress(Progress.LOADING)
        process = self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "adapters.llama.child",
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            # Nothing of our environment, which may hold secrets, is needed to run a model.
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
        self._listening = asyncio.create_task(self._listen(process))
        ready = False
        try:
            async with asyncio.timeout(self._terms.start):
                ready = await self._is_ready(process)
        except TimeoutError as failure:
            raise LocalModelError("its server did not start in time") from failure
        finally:
            if not ready:
                await self._end(at_once=True)
        if not ready:
            raise LocalModelError("its server ended while it started")
        self._on_progress(Progress.READY)

    async def _is_ready(self, process: Process) -> bool:
        if process.stdin is None or process.stdout is None:
            return False
        try:
            process.stdin.write(msgspec.json.encode(self._order) + b"\n")
            await process.stdin.drain()
            return await process.stdout.readline() == READY
        except ConnectionError:
            return False

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        pause = self._terms.first_pause
        while self._process is not None:
            since = loop.time()
            await self._process.wait()
            self._on_progress(Progress.LOST)
            if loop.time() - since > self._terms.settled:
                pause = self._terms.first_pause
            pause = await self._spawn_again(pause)

    async def _spawn_again(self, pause: float) -> float:
        """Try until the child runs; the pause before the next time."""
        while True:
            await self._end()
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._terms.longest_pause)
            try:
                await self._spawn()
            except (LocalModelError, OSError):
                continue
            return pause

    async def _listen(self, process: Process) -> None:
        while process.stderr is not None and (part := await process.stderr.read(4096)):
            self._said.extend(part.splitlines())

    async def _end(self, *, at_once: bool = False) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        if at_once and process.returncode is None:
            process.kill()
        try:
            async with asyncio.timeout(self._terms.stop):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._listening is not None:
            await self._listening
