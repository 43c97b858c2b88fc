"""`somagent serve` under a profiler, `python -m bench.profiled FILE`.

SIGUSR1 begins to measure; SIGUSR2 ends it and writes what was found into the file, for `pstats`.
"""

import cProfile
import signal
import sys
from pathlib import Path
from types import FrameType

from entrypoints.cli.main import run


def main() -> int:
    """Serve; gives the exit code."""
    file = Path(sys.argv[1])
    profile = cProfile.Profile()

    def begin(_number: int, _frame: FrameType | None) -> None:
        profile.enable()

    def end(_number: int, _frame: FrameType | None) -> None:
        profile.disable()
        unfinished = file.with_suffix(".new")
        profile.dump_stats(unfinished)
        unfinished.rename(file)

    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, end)
    return run(["serve"])


if __name__ == "__main__":
    sys.exit(main())
