"""The crash laboratory for as long as asked: `python -m tests.crash --minutes 10 [--seed 5]`."""

import argparse
import asyncio
import signal
import sys
import tempfile
from pathlib import Path
from random import SystemRandom
from time import monotonic
from traceback import print_exception
from types import FrameType

from tests.crash.away import kill_and_take_away
from tests.crash.broker import Broker, own_broker
from tests.crash.laboratory import Laboratory, laboratory
from tests.crash.plan import ENOUGH, HARMS, Plan
from tests.crash.report import closing_line, short_of, table_of, told_of
from tests.crash.runs import run

RUN_SECONDS = 190.0
"""The load of one run; then everything must come to its end, and is checked."""

CLIENTS = 5
"""Of each tenant: so many that nearly always one is there to pass what is waited for."""

WHOLE_MINUTES = 10.0
"""A run of this length fails where it killed no server often enough at some step, or no answer was
ever gone on with."""

TELL_SECONDS = 30.0


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def work(minutes: float, seed: int, broker: Broker | None) -> int:
    """Run after run until the time is over, and what there is to say of them; the exit code."""
    async with laboratory(seed, broker=broker) as lab:
        plan = lab.fleet.plan
        plan.harms = HARMS
        telling = asyncio.create_task(tell(plan))
        try:
            wrong = await runs(lab, minutes * 60)
        except Exception as broken:  # noqa: BLE001 - said and kept, beside what there is else
            print_exception(broken)
            wrong = [f"a run broke off: {broken!r}"]
        telling.cancel()
        if minutes >= WHOLE_MINUTES and plan.below(ENOUGH):
            wrong.append(short_of(plan, ENOUGH))
        if minutes >= WHOLE_MINUTES and not lab.model.continued:
            wrong.append("no broken answer was gone on with")
        if wrong:
            wrong.append(f"kept: {lab.keep('; '.join(wrong))}")
        for line in (*map(str, lab.found), *table_of(plan), *wrong):
            say(line)
        say(short_of(plan, ENOUGH))
        say(closing_line(plan, lab.found))
    return 1 if wrong else 0


async def runs(lab: Laboratory, all_seconds: float) -> list[str]:
    """Run after run for so long, or until one fails; in what they failed."""
    until, completed = monotonic() + all_seconds, 0
    while not lab.found and (left := until - monotonic()) > 0:
        seconds = RUN_SECONDS if left > 1.5 * RUN_SECONDS else left
        done = await run(lab, seconds, kill_and_take_away, clients=CLIENTS)
        completed += done.completed
        say(told_of(done, lab.fleet.plan))
    wrong = [f"{len(lab.found)} findings"] if lab.found else []
    return wrong if completed else [*wrong, "no message was answered"]


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


def interrupt(number: int, _: FrameType | None) -> None:
    """End as at a terminal, whichever signal asks for it."""
    say(f"ended by {signal.Signals(number).name}")
    signal.raise_signal(signal.SIGINT)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1 << 31))
    parser.add_argument("--without-broker", action="store_true")
    options = parser.parse_args()
    # Told to end in either way, it takes servers, broker and folders with it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, interrupt)
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
