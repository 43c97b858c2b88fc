"""The crash laboratory for as long as asked: `python -m tests.crash --minutes 10 [--seed 5]`."""

import argparse
import asyncio
import sys
from random import SystemRandom
from time import monotonic

from tests.crash.checker.violation import Violation
from tests.crash.laboratory import laboratory
from tests.crash.report import closing_line, table_of, told_of
from tests.crash.runs import kill, run

RUN_SECONDS = 170.0
"""The load of one run; then everything must come to its end, and is checked."""


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def work(minutes: float, seed: int) -> int:
    """Run after run until the time is over; the exit code."""
    until, found = monotonic() + minutes * 60, list[Violation]()
    async with laboratory(seed) as lab:
        while not found and (left := until - monotonic()) > 0:
            done = await run(lab, min(RUN_SECONDS, left), kill)
            found += done.found
            say(told_of(done, lab.fleet.plan))
        for violation in found:
            say(str(violation))
        for line in table_of(lab.fleet.plan):
            say(line)
        if found:
            say(f"kept: {lab.keep(found)}")
        say(closing_line(lab.fleet.plan, found))
    return 1 if found else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1 << 31))
    options = parser.parse_args()
    say(f"seed: {options.seed}")
    return asyncio.run(work(options.minutes, options.seed))


if __name__ == "__main__":
    sys.exit(main())
