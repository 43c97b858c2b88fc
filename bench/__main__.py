"""The benchmark's command line: `python -m bench`."""

import os

os.environ["GRPC_VERBOSITY"] = "NONE"

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import uvloop

from adapters.postgres.errors import DatabaseSetupError
from bench.machine import Cores, cores, facts, pin
from bench.plot import draw
from bench.processes import BenchFailedError
from bench.profile import profile
from bench.report import DOCUMENT, PLOT, RESULTS, table, write
from bench.run import FULL, QUICK, USUAL, Sizes, measure
from entrypoints.cli.failure import CommandFailedError


def main() -> int:
    """Run what was asked for; gives the exit code."""
    options = _options()
    machine, began = cores(), time.monotonic()
    pin([os.getpid()], machine.others)

    def say(words: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:6.1f} s  {words}\n")

    with tempfile.TemporaryDirectory(prefix="somagent-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the embedded PostgreSQL may run as another user
        try:
            if options.profile:
                sys.stdout.write(uvloop.run(profile(folder, machine, say)) + "\n")
                return 0
            figures = uvloop.run(measure(options.sizes, folder, machine, say))
        except (BenchFailedError, CommandFailedError, DatabaseSetupError) as failure:
            sys.stderr.write(f"the bench cannot go on: {failure}\n")
            return 1
    write(figures, {**facts(), **_circumstances(options.sizes, machine)})
    draw(figures, PLOT)
    sys.stdout.write(f"\n{table(figures)}\n\n")
    say(f"written: {', '.join(str(path) for path in (RESULTS, DOCUMENT, PLOT))}")
    return 0


class _Options(argparse.Namespace):
    """What the command line can say."""

    sizes: Sizes
    profile: bool


def _options() -> _Options:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.set_defaults(sizes=USUAL)
    how = parser.add_mutually_exclusive_group()
    for flag, sizes, words in (
        ("--quick", QUICK, "fewer rounds: within 90 seconds"),
        ("--full", FULL, "10,000 turns for the memory"),
    ):
        how.add_argument(flag, action="store_const", const=sizes, dest="sizes", help=words)
    how.add_argument("--profile", action="store_true", help="show where the product's time goes")
    return parser.parse_args(namespace=_Options())


def _circumstances(sizes: Sizes, machine: Cores) -> Mapping[str, str]:
    where = (
        f"The server runs on core {machine.server}, alone; client, upstream and PostgreSQL run on "
        f"core {machine.others}, so that turns a second are also bounded by that one."
        if machine.apart
        else "Everything runs on one core: turns a second are no measure of the server."
    )
    return {"cores": where, "run": sizes.name, "date": time.strftime("%Y-%m-%d", time.gmtime())}


if __name__ == "__main__":
    sys.exit(main())
