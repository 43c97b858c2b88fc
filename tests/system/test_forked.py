"""A forked server is a process of its own, as if it had been started by name."""

import os
import signal
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from adapters.postgres.database import DatabaseSettings
from tests.system.forked import Nursery, nursery
from tests.system.installation import Installation, installation_at
from tests.system.ports import free_ports
from tests.system.service import until


@pytest_asyncio.fixture
async def parent() -> AsyncGenerator[Nursery]:
    async with nursery(hash_seed=1) as made:
        yield made


@pytest.fixture
def silence() -> Generator[int]:
    """A port that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


async def with_database_at(port: int, folder: Path) -> Installation:
    url = f"postgresql://nobody@127.0.0.1:{port}/nowhere"
    return await installation_at(folder, DatabaseSettings(request_url=url, writer_url=url), ())


async def test_it_says_in_its_own_log_why_it_ends_and_ends_with_the_programs_code(
    parent: Nursery, tmp_path: Path
) -> None:
    service = await parent.start(await with_database_at(free_ports(1)[0], tmp_path))

    assert await service.ended() == 1
    assert "the database does not answer" in service.said


async def test_it_has_no_file_of_its_parent(parent: Nursery, tmp_path: Path, silence: int) -> None:
    service = await parent.start(await with_database_at(silence, tmp_path))

    async def writes_to_its_log() -> bool:
        return files_of(service.process.pid).get(2) == str(service.log)

    await until(writes_to_its_log)
    files = files_of(service.process.pid)

    assert (files[0], files[1]) == (os.devnull, str(service.log))
    others = files_of(parent_of(service.process.pid))
    assert {*others} >= {0, 1, 2}
    assert {*files.values()}.isdisjoint({*others.values()} - {os.devnull})
    await service.kill()


def files_of(pid: int) -> dict[int, str]:
    """What a process has open, by descriptor."""
    found = dict[int, str]()
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            found[int(one.name)] = str(one.readlink())
    return found


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])


async def test_it_leads_a_session_and_is_killed_alone(
    parent: Nursery, tmp_path: Path, silence: int
) -> None:
    waiting = await with_database_at(silence, tmp_path)
    killed, other = await parent.start(waiting), await parent.start(waiting.beside())

    async def both_lead() -> bool:
        return all(os.getsid(one.process.pid) == one.process.pid for one in (killed, other))

    await until(both_lead)
    await killed.kill()

    assert killed.process.returncode == -signal.SIGKILL
    assert other.process.returncode is None
    await other.kill()
