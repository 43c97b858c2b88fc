"""What the operating system tells of the machine and of processes: time used, memory held."""

import os
import platform
import re
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_MIB: Final = 1024.0
_PACKAGES: Final = ("grpcio", "uvloop", "aiohttp", "psycopg", "protobuf", "somagent")


@dataclass(frozen=True, slots=True)
class Cores:
    """Where processes run: a server alone on one core, everything else on another."""

    server: int
    others: int
    number: int

    @property
    def apart(self) -> bool:
        return self.server != self.others


def cores() -> Cores:
    """The first two cores that this process may use; one core is both."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores(server=usable[0], others=usable[min(1, len(usable) - 1)], number=len(usable))


def pin(pids: Iterable[int], core: int) -> None:
    """Keep processes, with the threads they have now, on one core; their children inherit it."""
    for pid in pids:
        for thread in _threads(pid):
            try:
                os.sched_setaffinity(thread, {core})
            except ProcessLookupError:
                continue


def cpu_seconds(pids: Iterable[int]) -> float:
    """What the processes have used of the processor, user and system, ended children included."""
    return sum(_times(pid) for pid in pids) / _TICKS


def resident_mib(pids: Iterable[int]) -> float:
    """Memory that the processes hold."""
    return sum(_resident(pid) for pid in pids) / _MIB


def with_children(pid: int) -> list[int]:
    """A process and everything it has started."""
    found = [pid]
    for one in found:
        found += _children(one)
    return found


def steal_seconds() -> float:
    """Time of this machine's cores that the host gave to others."""
    fields = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()
    return int(fields[8]) / _TICKS


def load_average() -> float:
    """Processes that wanted a core during the last minute: ours are about two."""
    return os.getloadavg()[0]


def sync_times_ms(folder: Path, number: int = 64) -> list[float]:
    """How long the disk takes to make 8 KiB last: no commit is faster than that."""
    file, times = folder / "sync", list[float]()
    with file.open("wb", buffering=0) as written:
        for _ in range(number):
            written.write(b"x" * 8192)
            began = time.perf_counter()
            os.fdatasync(written.fileno())
            times.append((time.perf_counter() - began) * 1000)
    file.unlink()
    return times


def facts() -> Mapping[str, str]:
    """What a reader must know to compare: processor, system, versions, state of the tree."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return {
        "processor": model[1] if model else platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
        "commit": _git("rev-parse", "--short", "HEAD"),
        "tree": "changed since" if _git("status", "--porcelain") else "as committed",
    }


def _git(*arguments: str) -> str:
    answer = subprocess.run(  # noqa: S603 - our own arguments
        ("git", *arguments),  # noqa: S607 - whichever git the developer has
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip()


def _threads(pid: int) -> Iterator[int]:
    try:
        yield from [int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir()]
    except FileNotFoundError:
        return


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for thread in _threads(pid):
        try:
            text = Path(f"/proc/{pid}/task/{thread}/children").read_text(encoding="ascii")
        except FileNotFoundError:
            continue
        found += map(int, text.split())
    return found


def _times(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return 0
    fields = text.rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))


def _resident(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except FileNotFoundError:
        return 0
    found = re.search(r"VmRSS:\s*(\d+) kB", text)
    return int(found[1]) if found else 0
