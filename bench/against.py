"""The same turn on another commit and on this tree, in one run: `python -m bench.against COMMIT`.

Each side is run by its own code, from its own folder, on a database of its own, with the Python
packages of this environment; they take turns, so that both have the same machine with the same
neighbours.
"""

import os

os.environ["GRPC_VERBOSITY"] = "NONE"

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import orjson
import uvloop

from bench.machine import cores
from bench.processes import BenchFailedError, child, tail

ROOT: Final = Path(__file__).parents[1]
SIDE: Final = Path(__file__).with_name("side.py")
SERVE: Final = "import sys; from entrypoints.cli.main import run; sys.exit(run(['serve']))"
REACH: Final = 1.10
TURNS: Final[Mapping[str, int]] = {"coalesced": 512, "per_token": 128}
SHORT_TURNS: Final[Mapping[str, int]] = {"coalesced": 192, "per_token": 64}
_READY_SECONDS: Final = 180.0
_SAMPLE_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor time of one turn in milliseconds: the service's, and PostgreSQL's."""

    cpu_ms: float
    postgres_cpu_ms: float


@dataclass(frozen=True, slots=True)
class Side:
    """A tree whose product runs: it measures what it is told to."""

    name: str
    process: asyncio.subprocess.Process
    log: Path

    async def answer(self, seconds: float) -> dict[str, float]:
        """What it says next.

        Raises:
            BenchFailedError: It ended, or said nothing in time.
        """
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
        if self.process.stdin is not None:
            self.process.stdin.write(f"{scene} {turns}\n".encode())
        return Cost(**await self.answer(_SAMPLE_SECONDS))


@contextmanager
def tree_of(commit: str, folder: Path) -> Generator[Path]:
    """The commit's files in a folder of their own, which is removed on leaving.

    Raises:
        BenchFailedError: There is no such commit.
    """
    place = folder / "base"
    try:
        _git("worktree", "add", "--quiet", "--detach", str(place), commit)
    except subprocess.CalledProcessError as failure:
        raise BenchFailedError(f"no tree of {commit}: {failure.stderr.strip()}") from failure
    try:
        yield place
    finally:
        _git("worktree", "remove", "--force", str(place))


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


async def compare(
    base: Path, folders: tuple[Path, Path], rounds: int, turns: Mapping[str, int]
) -> str:
    """Run both and tell what a turn costs on either; the ratio is the median over the rounds.

    Raises:
        BenchFailedError: One of them cannot be started, or a turn did not end as it should.
    """
    lines = [f"{'CPU ms a turn':<26}{'base':>8}{'here':>8}{'ratio':>8}  lowest highest"]
    async with (
        side("the base", base, folders[0]) as one,
        side("this tree", ROOT, folders[1]) as other,
    ):
        for scene, number in turns.items():
            pairs: list[tuple[Cost, Cost]] = []
            for count in range(rounds):
                order = (one, other) if count % 2 == 0 else (other, one)
                taken = {who.name: await who.sample(scene, number) for who in order}
                pairs.append((taken[one.name], taken[other.name]))
                before, now = pairs[-1]
                _say(
                    f"{scene}, round {count + 1} of {rounds}: base {before.cpu_ms:.3f}, "
                    f"here {now.cpu_ms:.3f} ms"
                )
            lines += [
                _line(scene, [(old.cpu_ms, new.cpu_ms) for old, new in pairs]),
                _line(
                    f"{scene}, PostgreSQL",
                    [(old.postgres_cpu_ms, new.postgres_cpu_ms) for old, new in pairs],
                ),
            ]
    return "\n".join([*lines, f"To be reached by the service: at most {REACH:.2f}."])


def _line(what: str, pairs: list[tuple[float, float]]) -> str:
    ratios = [new / old for old, new in pairs]
    before, now = (median(column) for column in zip(*pairs, strict=True))
    return (
        f"{what:<26}{before:8.3f}{now:8.3f}{median(ratios):8.3f}  "
        f"{min(ratios):6.3f}  {max(ratios):6.3f}"
    )


def main() -> int:
    """Compare with the commit; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.against", description=__doc__)
    parser.add_argument("commit", help="what to compare this tree with")
    parser.add_argument("--rounds", type=int, default=7, help="samples of each side (default 7)")
    parser.add_argument("--short", action="store_true", help="fewer turns a sample")
    options = parser.parse_args()
    turns = SHORT_TURNS if options.short else TURNS
    with tempfile.TemporaryDirectory(prefix="somagent-against-") as name:
        folder = Path(name)
        folders = folders_in(folder)
        try:
            with tree_of(options.commit, folder) as base:
                told = uvloop.run(compare(base, folders, options.rounds, turns))
        except BenchFailedError as failure:
            _say(f"the bench cannot go on: {failure}")
            return 1
    sys.stdout.write(f"\n{told}\n")
    return 0


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")


def _git(*arguments: str) -> None:
    subprocess.run(  # noqa: S603 - our own arguments, and a commit that git looks up
        ("git", "-C", str(ROOT), *arguments),  # noqa: S607 - whichever git the developer has
        check=True,
        capture_output=True,
        text=True,
    )


if __name__ == "__main__":
    sys.exit(main())
