"""A turn with many turns stored, against one with a thousand: `python -m bench.stored`.

Two products of this tree, each with a database of its own, take turns; one database is filled. Ten
million turns take about 45 GB of disk for as long as it runs.
"""

import os

os.environ["GRPC_VERBOSITY"] = "NONE"

import argparse
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import uvloop

from bench.processes import BenchFailedError
from bench.sides import ROOT, alternating, folders_in, heading, rows, side

REACH: Final = 1.10
FEW: Final = 1_000
MANY: Final = 10_000_000
BYTES_A_TURN: Final = 4_500
SCENES: Final[Mapping[str, int]] = {"coalesced": 512, "alone": 128}
_FILL_SECONDS: Final = 6 * 3600.0


async def compare(
    folders: tuple[Path, Path], stored: int, rounds: int, turns: Mapping[str, int]
) -> str:
    """Run both, fill one, and tell what a turn costs on either.

    Raises:
        BenchFailedError: One of them cannot be started or filled, or a turn did not end as it
            should.
    """
    lines = [heading(f"{FEW:,} stored", f"{stored:,}")]
    async with side("few", ROOT, folders[0]) as few, side("many", ROOT, folders[1]) as many:
        for one in (few, many):
            await one.sample("coalesced", FEW)
        await many.ask(f"fill {stored}", _FILL_SECONDS)
        for scene, number in turns.items():
            lines += rows(scene, await alternating(few, many, scene, number, rounds, _say))
    return "\n".join([*lines, f"To be reached by the service's CPU: at most {REACH:.2f} times."])


def main() -> int:
    """Fill and compare; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.stored", description=__doc__)
    parser.add_argument("--turns", type=int, default=MANY, help=f"to store (default {MANY:,})")
    parser.add_argument("--rounds", type=int, default=7, help="samples of each side (default 7)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="somagent-stored-") as name:
        free, needed = shutil.disk_usage(name).free, options.turns * BYTES_A_TURN
        if free < needed * 1.2:
            _say(f"{needed >> 30} GB are needed in {name}, and {free >> 30} GB are free")
            return 1
        try:
            told = uvloop.run(
                compare(folders_in(Path(name)), options.turns, options.rounds, SCENES)
            )
        except BenchFailedError as failure:
            _say(f"the bench cannot go on: {failure}")
            return 1
    sys.stdout.write(f"\n{told}\n")
    return 0


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")


if __name__ == "__main__":
    sys.exit(main())
