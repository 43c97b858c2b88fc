"""`somagent deadletters` as a program, against a server."""

import asyncio
import os
import sys
from pathlib import Path

import orjson

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
        sys.executable, "-m", "entrypoints.cli.main", "deadletters", *arguments,
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await running.communicate()
    return running.returncode or 0, out.decode()


async def test_a_letter_is_found_mended_and_discarded(stage: Stage, tmp_path: Path) -> None:
    slug, ada = await stage.tenant()
    name = await stage.dead_letter(slug, b"broken")
    mended = tmp_path / "payload"
    mended.write_bytes(b"mended")

    code, out = await program(
        stage, ada, tmp_path, "list", "--tenant", slug, "--state", "resting", "--json"
    )
    assert (code, [one["name"] for one in orjson.loads(out)["dead_letters"]]) == (0, [name])

    code, out = await program(stage, ada, tmp_path, "edit", name, "--payload", str(mended))
    assert (code, "mended" in out) == (0, True)

    code, out = await program(stage, ada, tmp_path, "show", name, "--full")
    assert (code, "mended" in out, "SESSION_NOT_FOUND" in out) == (0, True, True)

    code, out = await program(stage, ada, tmp_path, "discard", name, "--note", "by mistake")
    assert (code, out) == (0, f"{name} discarded\n")


async def test_a_letter_that_is_not_there_is_said_to_be_so(stage: Stage, tmp_path: Path) -> None:
    slug, ada = await stage.tenant()
    missing = f"tenants/{slug}/deadLetters/0198f2a0-0000-7000-8000-000000000001"

    code, out = await program(stage, ada, tmp_path, "show", missing)

    assert (code, "DEAD_LETTER_NOT_FOUND" in out) == (3, True)
