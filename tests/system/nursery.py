"""Forks servers that have everything imported: `python -m tests.system.nursery`, told by lines.

Four fifths of the time in which a server starts are imports. A fork of this process has them done,
and is the real process otherwise: it is forked before any loop, thread or connection is there and
before gRPC was initialised (only imported), leads a session of its own, writes to its own log, and
runs the program's own entry from reading the settings to the exit code. It is killed alone.

It has the environment that it was given, from then on. What it inherits is what was read before:
imported code, what that took from our environment as it was imported (gRPC's verbosity), and the
order of sets of strings (`PYTHONHASHSEED`, of the run's seed), alike in all siblings. Of our files
it keeps none.
"""

import ctypes
import gc
import json
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Final

from entrypoints.cli.main import main as program
from tests.system.birth import Asked, Birth

BROUGHT: Final = (
    "adapters.kafka.condition",
    "adapters.kafka.consumer",
    "adapters.kafka.publisher",
    "adapters.kafka.topics",
    "adapters.schema.validator",
    "entrypoints.cli.configuring",
    "entrypoints.cli.screen",
    "entrypoints.cli.steps",
    "entrypoints.serve",
)
"""What `somagent serve` imports once it needs it, with all that this brings."""


LIBC: Final = ctypes.CDLL(None)

PR_SET_PDEATHSIG: Final = 1
"""As the kernel's header numbers it; Python has no name for it."""


def next_of_kin() -> Birth:
    """Serve whoever tells us, until they are gone; returns in a process that was just born.

    Raises:
        SystemExit: Nobody tells us any more. Whoever lives still is killed.
    """
    living = set[int]()
    parent = os.getpid()
    try:
        while line := sys.stdin.buffer.readline():
            asked: Asked = json.loads(line)
            if birth := asked.get("birth"):
                _refuse_threads()
                answer = os.fork()
                if not answer:
                    living.clear()  # its siblings are not its own to end
                    _outlive_nobody(parent)
                    return birth
                living.add(answer)
            else:
                _, status = os.waitpid(asked.get("ended", 0), 0)
                living.discard(asked.get("ended", 0))
                answer = os.waitstatus_to_exitcode(status)
            os.write(1, b"%d\n" % answer)
    finally:
        for pid in living:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    raise SystemExit


def _outlive_nobody(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, however that dies.

    Raises:
        SystemExit: It has died already.
    """
    LIBC.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit


def _refuse_threads() -> None:
    """Raises: AssertionError: What was imported has started something that a fork would lose."""
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise AssertionError("a process with threads is not to be forked")


def become(birth: Birth) -> None:
    """Be the process that was asked for: session, streams, environment and arguments."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for stream, path, how in (
        (0, os.devnull, os.O_RDONLY),
        (1, birth["log"], os.O_WRONLY | os.O_APPEND),
        (2, birth["log"], os.O_WRONLY | os.O_APPEND),
    ):
        opened = os.open(path, how)
        os.dup2(opened, stream)
        os.close(opened)
    os.environ.clear()
    os.environ.update(birth["environment"])
    sys.argv = ["somagent", *birth["arguments"]]


if __name__ == "__main__":
    for module in BROUGHT:
        import_module(module)
    gc.collect()
    gc.freeze()  # a collection in a child would write to, and so copy, all that is shared
    become(next_of_kin())
    program()
