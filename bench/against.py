"""The same turn on another commit and on this tree, in one run: `python -m bench.against COMMIT`.

Each side is run by its own code, from its own folder, on a database of its own, with the Python
packages of this environment; they take turns, so that both have the same machine with the same
neighbours.
"""

import os

os.environ["GRPC_VERBOSITY"] = "NONE"

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import uvloop

from bench.processes import BenchFailedError
from bench.sides import ROOT, alternating, folders_in, heading, rows, side

REACH: Final = 1.10
TURNS: Final[Mapping[str, int]] = {"coalesced": 512, "per_token": 128}
SHORT_TURNS: Final[Mapping[str, int]] = {"coalesced": 192, "per_token": 64}


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


async def compare(
    base: Path, folders: tuple[Path, Path], rounds: int, turns: Mapping[str, int]
) -> str:
    """Run both and tell what a turn costs on either; the ratio is the median over the rounds.

    Raises:
        BenchFailedError: One of them cannot be started, or a turn did not end as it should.
    """
    lines = [heading("base", "here")]
    async with side("base", base, folders[0]) as one, side("here", ROOT, folders[1]) as other:
        for scene, number in turns.items():
            lines += rows(scene, await alternating(one, other, scene, number, rounds, _say))
    return "\n".join([*lines, f"To be reached by the service's CPU: at most {REACH:.2f} times."])


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
