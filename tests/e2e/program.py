"""The command line as a program, against a server of a test."""

import asyncio
import os
import sys
from pathlib import Path

from tests.e2e.stage import Metadata, Stage


async def program(stage: Stage, caller: Metadata, folder: Path, *arguments: str) -> tuple[int, str]:
    """Its exit code and what it wrote."""
    environment = {name: value for name, value in os.environ.items() if "SOMA" not in name}
    environment |= {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "XDG_STATE_HOME": str(folder / "state"),
        "SOMA_ADDRESS": f"127.0.0.1:{stage.process.api.port}",
        "SOMA_API_KEY": caller.key,
    }
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "entrypoints.cli.main", *arguments,
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await running.communicate()
    return running.returncode or 0, out.decode()
