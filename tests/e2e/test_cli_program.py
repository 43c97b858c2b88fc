"""The program as a newcomer meets it: the demonstration, then every call of the API tour.

On real parts: an embedded PostgreSQL, the local model, and processes of their own.
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Final

import orjson
import pytest

from adapters.postgres.embedded import embedded_server
from tests.plugins.keeper import ends_postgres, ends_process
from tests.system.ports import free_ports

ROOT: Final = Path(__file__).parents[2]
PROGRAM: Final = (sys.executable, "-m", "entrypoints.cli.main")
ADDRESS_OF_THE_TOUR: Final = "127.0.0.1:50051"

pytestmark = pytest.mark.xdist_group("cli_program")


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A user on a machine where nothing was started before."""

    folder: Path
    address: str
    environment: Mapping[str, str]

    def runs(self, *arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # noqa: S603 - this very program
            [*PROGRAM, *arguments],
            cwd=self.folder,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )

    @contextmanager
    def serving(self) -> Generator[None]:
        """A server until the end of the block; leaving asks it to stop and waits for it."""
        with subprocess.Popen(  # noqa: S603 - as above
            [*PROGRAM, "serve"],
            cwd=self.folder,
            env=self.environment,
            stderr=subprocess.PIPE,
            text=True,
        ) as server:
            assert server.stderr is not None
            ends_process(server.pid)
            try:
                for line in server.stderr:
                    if "gRPC server" in line and self.address in line:
                        break
                else:
                    pytest.fail("the server did not start")
                yield
            finally:
                server.terminate()
                server.stderr.read()
        assert server.returncode == 0


@pytest.fixture(scope="module")
def newcomer() -> Generator[Newcomer]:
    # Not below the run's own temporary folder: for root, PostgreSQL runs as a user who may not go
    # there.
    folder = Path(tempfile.mkdtemp(prefix="somagent-cli-"))
    folder.chmod(0o755)
    ends_postgres(folder / "postgres")
    port, http_port = free_ports(2)
    address = f"127.0.0.1:{port}"
    own = {name: value for name, value in os.environ.items() if not name.startswith("SOMA")}
    environment = {
        **own,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "SOMAGENT_DATABASE__DATA_FOLDER": str(folder / "postgres"),
        "SOMAGENT_SECRETS__STORE_FOLDER": str(folder / "secrets"),
        "SOMAGENT_SERVER__ADDRESS": address,
        "SOMAGENT_SERVER__HTTP_ADDRESS": f"127.0.0.1:{http_port}",
        "SOMAGENT_LOCAL_MODEL__DISCOVER": "false",
        # What is there is waited for, however slow it is.
        "SOMAGENT_LOCAL_MODEL__START_SECONDS": "600",
        "SOMAGENT_DATABASE__CONNECT_SECONDS": "60",
        "SOMAGENT_DATABASE__WAIT_SECONDS": "60",
    }
    try:
        yield Newcomer(folder, address, environment)
        if (folder / "postgres" / "data").exists():
            asyncio.run(_stop(folder / "postgres"))
    finally:
        rmtree(folder, ignore_errors=True)


async def _stop(data: Path) -> None:
    async with embedded_server(data):
        """The last to leave stops the server."""


@pytest.fixture(scope="module")
def shown(newcomer: Newcomer) -> str:
    """What the demonstration writes, from nothing."""
    ended = newcomer.runs("demo")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def served(newcomer: Newcomer, shown: str) -> Generator[Newcomer]:
    """After the demonstration, with a server that goes on."""
    assert shown
    with newcomer.serving():
        yield newcomer


def test_the_demonstration_ends_with_a_receipt_that_holds(shown: str) -> None:
    assert "tool  arithmetic" in shown
    assert "budget of " in shown
    assert "receipt holds" in shown


def test_the_receipt_holds_in_the_hands_of_somebody_else(newcomer: Newcomer, shown: str) -> None:
    [path] = re.findall(r"^  (\S+\.json)$", shown, re.MULTILINE)

    ended = newcomer.runs("receipt", "verify", path, "--json")

    assert ended.returncode == 0
    assert orjson.loads(ended.stdout)["valid"]


def test_every_call_of_the_tour_works_as_it_is_written(served: Newcomer, grpcurl: Path) -> None:
    tour = (ROOT / "docs" / "api-tour.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```$", tour, re.MULTILINE | re.DOTALL)
    program = served.folder / "bin" / "somagent"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {" ".join(PROGRAM)} "$@"\n')
    program.chmod(0o755)
    (served.folder / "contracts").symlink_to(ROOT / "contracts")
    script = "\n".join(["set -euo pipefail", *blocks])
    path = os.pathsep.join([str(program.parent), str(grpcurl.parent), os.environ["PATH"]])

    ended = subprocess.run(  # noqa: S603 - the tour
        ["bash", "-c", script.replace(ADDRESS_OF_THE_TOUR, served.address)],  # noqa: S607 - the PATH is ours
        cwd=served.folder,
        env={**served.environment, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "TURN_ALREADY_ENDED" in ended.stderr
    assert '"valid": true' in ended.stdout
    assert "INVOCATION_STATE_REJECTED" in ended.stdout


def test_the_tour_calls_every_method_of_the_contract() -> None:
    tour = (ROOT / "docs" / "api-tour.md").read_text()
    declared = {
        f"{package}.{service}/{method}"
        for proto in (ROOT / "proto" / "somagent").rglob("*.proto")
        for package in re.findall(r"^package somagent\.([\w.]+);", proto.read_text(), re.MULTILINE)
        for service in re.findall(r"^service (\w+)", proto.read_text(), re.MULTILINE)
        for method in re.findall(r"^  rpc (\w+)\(", proto.read_text(), re.MULTILINE)
    }

    assert declared - set(re.findall(r"[\w.]+Service/\w+", tour)) == set()


def test_a_chat_answers_each_line_of_its_input(served: Newcomer) -> None:
    ended = served.runs("chat", "--json", given="How much is 17.5 * 3?\n\n")
    trace = served.runs("turn", "show", "--json")

    events = [orjson.loads(line) for line in ended.stdout.splitlines()]
    assert ended.returncode == 0, ended.stderr
    assert "completed" in events[-1]
    assert [int(event["sequence"]) for event in events] == list(range(1, len(events) + 1))
    assert orjson.loads(trace.stdout)["turn"]["name"] == events[0]["accepted"]["turn"]


def test_a_port_in_use_is_told_with_what_to_do(served: Newcomer) -> None:
    ended = served.runs("demo")

    assert ended.returncode == 1
    assert "cannot be listened on" in ended.stderr
    assert "Traceback" not in ended.stderr
