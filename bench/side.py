"""One tree's product, measured by that tree's own bench: `python -P -m bench.side FOLDER PROGRAM…`.

`bench.sides` runs this file with the import path of the tree in question. It prints a line when the
product is ready; then it takes lines `SCENE TURNS`, and answers each with its figures as JSON, and
`fill TURNS`, which stores turns, until standard input ends.
"""

import os
import signal
import sys
from asyncio import get_running_loop, to_thread
from pathlib import Path
from typing import Final

import orjson
import uvloop

from adapters.postgres.embedded import embedded_server
from bench.figures import percentile
from bench.machine import cores, pin
from bench.measuring import COALESCED, COALESCED_1, PER_TOKEN, Scene
from bench.product import data_folder
from bench.stage import stage

WARM_TURNS: Final = 128
SCENES: Final[dict[str, Scene]] = {
    "coalesced": COALESCED,
    "per_token": PER_TOKEN,
    "alone": COALESCED_1,
}


async def serve(folder: Path, program: tuple[str, ...]) -> None:
    """Start everything, and measure what is asked for."""
    machine = cores()
    pin([os.getpid()], machine.others)
    async with stage(folder, machine, _say, program=program) as parts:
        await parts.meter.sample(parts.product, COALESCED, WARM_TURNS)
        _tell({})
        while line := await get_running_loop().run_in_executor(None, sys.stdin.readline):
            name, turns = line.split()
            if name == "fill":
                await _fill(folder, int(turns))
                _tell({})
                continue
            sample = await parts.meter.sample(parts.product, SCENES[name], int(turns))
            _tell(
                {
                    "cpu_ms": sample.cpu_ms,
                    "postgres_cpu_ms": sample.postgres_cpu_ms,
                    "latency_ms": percentile(sample.latencies, 0.5),
                }
            )


async def _fill(folder: Path, turns: int) -> None:
    from bench.stored_rows import fill  # noqa: PLC0415 - not every tree has it

    async with embedded_server(data_folder(folder)) as database:
        await to_thread(fill, database.owner_url, turns, _say)


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")


def _tell(found: dict[str, float]) -> None:
    sys.stdout.write(f"{orjson.dumps(found).decode()}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until standard input ends; whoever asks us to end has closed it."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    uvloop.run(serve(Path(sys.argv[1]), tuple(sys.argv[2:])))


if __name__ == "__main__":
    main()
