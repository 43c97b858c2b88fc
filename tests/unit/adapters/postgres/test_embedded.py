"""The embedded server: shared, adopted, started again, and refused where it cannot be."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from shutil import rmtree
from tempfile import gettempdir, mkdtemp

import psycopg
import pytest

from adapters.postgres.embedded import embedded_server
from adapters.postgres.embedded_lifetime import EmbeddedServer, Lifetime
from adapters.postgres.errors import DataFolderUnusableError, DataFolderVersionError
from tests.plugins.keeper import ends_postgres

pytestmark = pytest.mark.postgres

SERVICE = """
import asyncio, sys, pathlib
from adapters.postgres.embedded import embedded_server

async def serve():
    async with embedded_server(pathlib.Path(sys.argv[1]), durable=False) as server:
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(serve())
"""


ON_A_FULL_DISK = """
mount -t tmpfs -o size=2m,mode=755 tmpfs "$1" && "$2" -c "$3" "$1/data"
ls "$1/data"
"""


@pytest.fixture
def folder() -> Generator[Path]:
    """Not below the run's own temporary folder, where root's server may not go."""
    made = Path(mkdtemp(prefix="somagent-"))
    ends_postgres(made)
    yield made
    rmtree(made, ignore_errors=True)


def ask(server: EmbeddedServer, query: str) -> object:
    with psycopg.connect(server.owner_url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    return None if row is None else row[0]


def tell(server: EmbeddedServer, statement: str) -> None:
    with psycopg.connect(server.owner_url, autocommit=True) as connection:
        connection.execute(statement.encode())


def postmaster(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split()[0])


async def test_services_share_one_server_and_the_last_to_leave_stops_it(folder: Path) -> None:
    async with embedded_server(folder, durable=False) as one:
        tell(one, "create table kept (what text)")
        async with embedded_server(folder, durable=False) as other:
            assert other == one
        assert ask(one, "select count(*) from kept") == 0

    assert not (folder / "data" / "postmaster.pid").exists()
    async with embedded_server(folder, durable=False) as again:
        assert ask(again, "select count(*) from kept") == 0


async def test_a_server_whose_service_was_killed_is_adopted(folder: Path) -> None:
    command = [sys.executable, "-c", SERVICE, str(folder)]
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.defpath}
    service = subprocess.Popen(  # noqa: S603, ASYNC220  our own program
        command, env=environment, stdout=subprocess.PIPE
    )
    assert service.stdout is not None
    with service, service.stdout:
        assert await asyncio.to_thread(service.stdout.readline) == b"ready\n"
        running = postmaster(folder)
        service.kill()

    async with embedded_server(folder, durable=False) as server:
        assert postmaster(folder) == running
        assert ask(server, "select 1") == 1
    assert not (folder / "data" / "postmaster.pid").exists()


async def test_a_server_that_was_killed_is_started_again_with_what_was_committed(
    folder: Path,
) -> None:
    async with embedded_server(folder) as server:
        tell(server, "create table kept as select 'this' as what")
        first = postmaster(folder)
        os.kill(first, signal.SIGKILL)

        while True:
            try:
                found = await asyncio.to_thread(ask, server, "select what from kept")
            except psycopg.OperationalError:
                continue
            if postmaster(folder) != first:
                break
    assert found == "this"


async def test_a_service_that_has_left_starts_nothing_again(folder: Path) -> None:
    lifetime = Lifetime(folder, runtime=None, durable=False)
    await asyncio.to_thread(lifetime.begin)
    await asyncio.to_thread(lifetime.end)

    # It looked after the server as it left, and found it gone.
    await asyncio.to_thread(lifetime.revive)

    assert not (folder / "data" / "postmaster.pid").exists()


async def test_nobody_but_its_user_and_ours_gets_in(folder: Path) -> None:
    async with embedded_server(folder, durable=False) as server:
        for closed in (folder, folder / "data", server.socket_folder):
            assert stat.S_IMODE(closed.stat().st_mode) == stat.S_IRWXU
        assert ask(server, "show listen_addresses") == ""
        rules = ask(server, "select string_agg(auth_method, ',') from pg_hba_file_rules")
        assert rules == "peer"
        assert ask(server, "show data_checksums") == "on"
        assert ask(server, "show server_encoding") == "UTF8"


async def test_a_name_too_long_for_a_socket_gets_one_elsewhere(folder: Path) -> None:
    long = folder / ("a" * 60) / ("b" * 60)
    long.parent.mkdir()
    for above in (folder, long.parent):
        above.chmod(0o711)
    runtime = folder / "run"
    runtime.mkdir(mode=0o711)

    async with embedded_server(long, runtime=runtime, durable=False) as server:
        assert server.socket_folder.parent == runtime
        assert ask(server, "select 1") == 1


async def test_a_half_made_folder_is_made_anew(folder: Path) -> None:
    (folder / "data.new").mkdir()
    (folder / "data.new" / "PG_VERSION").write_text("18")

    async with embedded_server(folder, durable=False) as server:
        assert ask(server, "select 1") == 1


async def test_data_of_another_major_version_is_refused_with_what_to_do(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "PG_VERSION").write_text("17\n")

    with pytest.raises(DataFolderVersionError, match=r"made by PostgreSQL 17.*carries 18.*dump"):
        async with embedded_server(folder):
            pass


async def test_a_folder_that_is_a_file_is_refused(folder: Path) -> None:
    (folder / "file").write_text("")

    with pytest.raises(DataFolderUnusableError, match="cannot hold the database"):
        async with embedded_server(folder / "file"):
            pass


@pytest.fixture
def may_mount() -> None:
    """Not every machine lets even root mount a disk that is full."""
    mounting = ["sh", "-c", 'unshare -m mount -t tmpfs tmpfs "$1"', "sh", gettempdir()]
    if subprocess.run(mounting, check=False, capture_output=True).returncode:  # noqa: S603 - our own line
        pytest.skip("a small file system cannot be mounted here")


@pytest.mark.usefixtures("may_mount")
async def test_a_full_disk_is_named_and_nothing_half_made_is_left(folder: Path) -> None:
    shell = [
        "unshare",
        "-m",
        "sh",
        "-c",
        ON_A_FULL_DISK,
        "sh",
        str(folder),
        sys.executable,
        SERVICE,
    ]

    service = await asyncio.create_subprocess_exec(
        *shell, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    left, told = await service.communicate()

    assert b"the disk is full: free some space and start again" in told
    assert set(left.split()) == {b"start.lock", b"users.lock"}
