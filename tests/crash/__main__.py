"""The crash laboratory for as long as asked: `python -m tests.crash --minutes 10 [--seed 5]`."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from random import SystemRandom
from time import monotonic

from tests.crash.away import kill_and_take_away
from tests.crash.broker import Broker, own_broker
from tests.crash.checker.violation import Violation
from tests.crash.laboratory import laboratory
from tests.crash.plan import ENOUGH, HARMS, Plan
from tests.crash.report import closing_line, short_of, table_of, told_of
from tests.crash.runs import run

RUN_SECONDS = 190.0
"""The load of one run; then everything must come to its end, and is checked."""

CLIENTS = 5
"""Of each tenant: so many that nearly always one is there to pass what is waited for."""

WHOLE_MINUTES = 10.0
"""A run of this length fails where it killed no server often enough at some step."""

TELL_SECONDS = 30.0


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def work(minutes: float, seed: int, broker: Broker | None) -> int:
    """Run after run until the time is over; the exit code."""
    until, found, completed = monotonic() + minutes * 60, list[Violation](), 0
    async with laboratory(seed, broker=broker) as lab:
        plan = lab.fleet.plan
        plan.harms = HARMS
        telling = asyncio.create_task(tell(plan))
        while not found and (left := until - monotonic()) > 0:
            seconds = RUN_SECONDS if left > 1.5 * RUN_SECONDS else left
            done = await run(lab, seconds, kill_and_take_away, clients=CLIENTS)
            found += done.found
            completed += done.completed
            say(told_of(done, plan))
        telling.cancel()
        for violation in found:
            say(str(violation))
        for line in table_of(plan):
            say(line)
        if found:
            say(f"kept: {lab.keep(found)}")
        if not completed:
            say("no message was answered")
        say(short_of(plan, ENOUGH))
        say(closing_line(plan, found))
    is_short = minutes >= WHOLE_MINUTES and plan.below(ENOUGH)
    return 1 if found or is_short or not completed else 0


async def tell(plan: Plan) -> None:
    """Say how far the kills are, until every step has had enough of them."""
    began = told = monotonic()
    while plan.below(ENOUGH):
        await asyncio.sleep(1)
        if monotonic() - told >= TELL_SECONDS:
            told = monotonic()
            missing = len(plan.below(ENOUGH))
            say(f"{plan.kills.total()} kills, {missing} steps with less than {ENOUGH}")
    say(f"{short_of(plan, ENOUGH)}, after {monotonic() - began:.0f} s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1 << 31))
    parser.add_argument("--without-broker", action="store_true")
    options = parser.parse_args()
    say(f"seed: {options.seed}")
    if options.without_broker:
        return asyncio.run(work(options.minutes, options.seed, None))
    with (
        tempfile.TemporaryDirectory(prefix="somagent-crash-") as folder,
        own_broker(Path(folder) / "kafka") as broker,
    ):
        return asyncio.run(work(options.minutes, options.seed, broker))


if __name__ == "__main__":
    sys.exit(main())
