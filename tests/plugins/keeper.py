"""Ends what this process has started, should it die without a word: a process that holds a pipe.

What a test starts may lead a session of its own, and outlive whoever is killed: servers, and the
engines under them. So it is named here as well. The keeper reads names from its standard input,
which ends with the process that writes them, however that ends; what lives then is ended, save what
others use still. Whoever ends what it has started leaves nothing to do.
"""

import atexit
import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from functools import cache
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Final

PATIENCE_SECONDS: Final = 10.0
"""So long others are waited for that die at the same time, and an engine to end."""

LOOK_SECONDS: Final = 0.1

KAFKA: Final = Path(__file__).parents[2] / "infra" / "engines" / "kafka.sh"


def ends_process(pid: int) -> None:
    """Have a process killed that should not outlive this one."""
    _tell("process", str(pid))


def ends_postgres(folder: Path) -> None:
    """Have the embedded server of a folder stopped, once nobody uses it any more."""
    _tell("postgres", str(folder.absolute()))


def ends_kafka(folder: Path) -> None:
    """Have the brokers of a folder killed, once nobody uses them any more."""
    _tell("kafka", str(folder.absolute()))


def _tell(kind: str, name: str) -> None:
    _told().write(f"{kind} {name}\n".encode())


@cache
def _told() -> IO[bytes]:
    """What the keeper of this process reads. No signal to our group or terminal is for it."""
    keeper = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-I", "-S", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        start_new_session=True,
    )
    if keeper.stdin is None:
        raise AssertionError("a process without its pipe")
    told = keeper.stdin

    def leave() -> None:
        told.close()
        keeper.wait()

    atexit.register(leave)
    return told


def _keep() -> None:
    """Read names until there are no more, and end what they name."""
    processes, folders = dict[str, int](), dict[tuple[str, Path], None]()
    for line in sys.stdin.buffer:
        kind, _, name = line.decode().rstrip("\n").partition(" ")
        if kind != "process":
            folders[kind, Path(name)] = None
            continue
        with contextlib.suppress(ProcessLookupError):
            # From now on the handle means this process, and never another one of its number.
            processes[name] = os.pidfd_open(int(name))
    for handle in processes.values():
        _send(handle, signal.SIGKILL)
    for kind, folder in folders:
        _ENDS[kind](folder)


def _end_postgres(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError), _alone(folder / "users.lock"):
        pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        handle = os.pidfd_open(pid)
        if os.fsencode(folder / "data") not in Path("/proc", str(pid), "cmdline").read_bytes():
            return  # its number is another's by now
        _send(handle, signal.SIGQUIT)  # at once, and without a checkpoint
        select.select([handle], [], [], PATIENCE_SECONDS)
        _send(handle, signal.SIGKILL)


def _end_kafka(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if folder.with_suffix(".use").exists():
            with _alone(folder.with_suffix(".use")):
                _kill_kafka(folder)
        elif folder.exists():
            _kill_kafka(folder)


def _kill_kafka(folder: Path) -> None:
    subprocess.run([str(KAFKA), "kill", str(folder)], check=False)  # noqa: S603 - our own script


_ENDS: Final[Mapping[str, Callable[[Path], None]]] = {
    "postgres": _end_postgres,
    "kafka": _end_kafka,
}


@contextlib.contextmanager
def _alone(lock: Path) -> Generator[None]:
    """Nobody else uses what the lock stands for.

    Raises:
        FileNotFoundError: There is no such thing any more, or somebody uses it still.
    """
    with lock.open("rb") as use:

        def is_free() -> bool:
            try:
                fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if not _wait(is_free):
            raise FileNotFoundError(lock)
        yield


def _wait(true: Callable[[], bool]) -> bool:
    until = monotonic() + PATIENCE_SECONDS
    while not true():
        if monotonic() >= until:
            return False
        sleep(LOOK_SECONDS)
    return True


def _send(handle: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, number)


if __name__ == "__main__":
    _keep()
