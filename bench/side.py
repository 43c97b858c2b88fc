"""One tree's product, measured by that tree's own bench: `python -P -m bench.side FOLDER PROGRAM…`.

`bench.against` runs this file with the import path of the tree in question. It prints a line when
the product is ready; then it takes lines `SCENE TURNS` and answers each with its figures as JSON,
until standard input ends.
"""

import os
import signal
import sys
from asyncio import get_running_loop
from pathlib import Path
from typing import Final

import orjson
import uvloop

from bench.machine import cores, pin
from bench.measuring import COALESCED, PER_TOKEN, Scene
from bench.stage import stage

WARM_TURNS: Final = 128
SCENES: Final[dict[str, Scene]] = {scene.name: scene for scene in (COALESCED, PER_TOKEN)}


async def serve(folder: Path, program: tuple[str, ...]) -> None:
    """Start everything, and measure what is asked for."""
    machine = cores()
    pin([os.getpid()], machine.others)
    async with stage(folder, machine, _say, program=program) as parts:
        await parts.meter.sample(parts.product, COALESCED, WARM_TURNS)
        _tell({})
        while line := await get_running_loop().run_in_executor(None, sys.stdin.readline):
            name, turns = line.split()
            sample = await parts.meter.sample(parts.product, SCENES[name], int(turns))
            _tell({"cpu_ms": sample.cpu_ms, "postgres_cpu_ms": sample.postgres_cpu_ms})


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
