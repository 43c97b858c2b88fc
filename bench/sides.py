"""Products of several trees or databases at once, each run by `bench.side`, sampled in turns."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from statistics import median
from typing import Final

import orjson

from bench.machine import cores
from bench.processes import BenchFailedError, child, tail

ROOT: Final = Path(__file__).parents[1]
SIDE: Final = Path(__file__).with_name("side.py")
SERVE: Final = "import sys; from entrypoints.cli.main import run; sys.exit(run(['serve']))"
_READY_SECONDS: Final = 600.0
_SAMPLE_SECONDS: Final = 900.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What one turn takes, in milliseconds: the service's CPU, PostgreSQL's, and in all."""

    cpu_ms: float
    postgres_cpu_ms: float
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Side:
    """A product that runs: it measures what it is told to."""

    name: str
    process: asyncio.subprocess.Process
    log: Path

    async def ask(self, order: str, seconds: float = _SAMPLE_SECONDS) -> Mapping[str, float]:
        """Give an order and take its answer.

        Raises:
            BenchFailedError: It could not be carried out in time.
        """
        if self.process.stdin is not None:
            self.process.stdin.write(f"{order}\n".encode())
        return await self.answer(seconds)

    async def answer(self, seconds: float) -> Mapping[str, float]:
        """Raises: BenchFailedError: It ended, or said nothing in time."""
        reader = self.process.stdout
        try:
            async with asyncio.timeout(seconds):
                line = b"" if reader is None else await reader.readline()
        except TimeoutError:
            line = b""
        if not line:
            raise BenchFailedError(f"the bench of {self.name} failed:\n{tail(self.log)}")
        return {str(name): float(value) for name, value in orjson.loads(line).items()}

    async def sample(self, scene: str, turns: int) -> Cost:
        """Raises: BenchFailedError: A turn did not end as it should."""
        return Cost(**await self.ask(f"{scene} {turns}"))


@asynccontextmanager
async def side(name: str, tree: Path, folder: Path) -> AsyncGenerator[Side]:
    """Run a tree's product in an empty folder until the end of the block."""
    log = folder / "side.log"
    path = os.pathsep.join(map(str, (tree, tree / "src", tree / "proto" / "gen")))
    serve = ("/usr/bin/env", f"PYTHONPATH={path}", sys.executable, "-P", "-c", SERVE)
    async with child(
        sys.executable,
        "-P",
        SIDE,
        folder,
        *serve,
        core=cores().others,
        log=log,
        environment={**os.environ, "PYTHONPATH": path},
    ) as process:
        running = Side(name, process, log)
        await running.answer(_READY_SECONDS)
        try:
            yield running
        finally:
            if process.stdin is not None:
                process.stdin.close()
            await process.wait()


def folders_in(folder: Path) -> tuple[Path, Path]:
    """Two folders, one for each side; the embedded PostgreSQL may run as another user."""
    folder.chmod(0o755)
    one, other = folder / "one", folder / "other"
    for own in (one, other):
        own.mkdir(mode=0o755)
    return one, other


async def alternating(
    one: Side, other: Side, scene: str, turns: int, rounds: int, say: Callable[[str], None]
) -> list[tuple[Cost, Cost]]:
    """Sample one and the other, then the other and one, and so on: neighbours in time."""
    pairs: list[tuple[Cost, Cost]] = []
    for count in range(rounds):
        order = (one, other) if count % 2 == 0 else (other, one)
        taken = {who.name: await who.sample(scene, turns) for who in order}
        pairs.append((taken[one.name], taken[other.name]))
        say(
            f"{scene}, round {count + 1} of {rounds}: {one.name} {taken[one.name].cpu_ms:.3f}, "
            f"{other.name} {taken[other.name].cpu_ms:.3f} ms of CPU a turn"
        )
    return pairs


def heading(one: str, other: str) -> str:
    return f"{'ms a turn':<28}{one:>12}{other:>12}   ratio  lowest highest"


def row(what: str, pairs: Sequence[tuple[float, float]]) -> str:
    """Medians of both, and of their ratios round by round."""
    # A run of a few turns may take less CPU than is counted.
    ratios = [new / old if old else inf for old, new in pairs]
    before, now = (median(column) for column in zip(*pairs, strict=True))
    return (
        f"{what:<28}{before:12.3f}{now:12.3f}  {median(ratios):6.3f}  "
        f"{min(ratios):6.3f}  {max(ratios):6.3f}"
    )


def rows(scene: str, pairs: Sequence[tuple[Cost, Cost]]) -> list[str]:
    """The table's rows of one scene."""
    return [
        row(f"{scene}, CPU", [(old.cpu_ms, new.cpu_ms) for old, new in pairs]),
        row(
            f"{scene}, CPU of PostgreSQL",
            [(old.postgres_cpu_ms, new.postgres_cpu_ms) for old, new in pairs],
        ),
        row(f"{scene}, latency", [(old.latency_ms, new.latency_ms) for old, new in pairs]),
    ]
