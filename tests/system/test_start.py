"""Starts that cannot be: each says why and what to do, and leaves nothing half-made."""

import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.postgres.database import DatabaseSettings
from tests.system.installation import (
    Installation,
    Model,
    embedded_installation,
    installation_at,
)
from tests.system.service import Service, start


@pytest.fixture
def embedded() -> Generator[Installation]:
    with embedded_installation([Model(name="main", base_url="http://127.0.0.1:9/v1")]) as made:
        yield made


@contextmanager
def taken(address: str) -> Generator[None]:
    """Somebody else listens there."""
    host, _, port = address.rpartition(":")
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind((host, int(port)))
        listening.listen()
        yield


async def refused(installation: Installation, *arguments: str) -> Service:
    """A server that did not start."""
    service = await start(installation, *arguments)
    assert await service.ended() == 1, service.said
    assert "defect" not in service.said
    assert "Traceback" not in service.said
    return service


@pytest.fixture
async def standard(tmp_path: Path, database_settings: DatabaseSettings) -> Installation:
    models = [Model(name="main", base_url="http://127.0.0.1:9/v1")]
    return await installation_at(tmp_path, database_settings, models)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_port_in_use_is_named_with_its_setting(
    standard: Installation, workers: str
) -> None:
    address = standard.settings.server.address
    with taken(address):
        service = await refused(standard, "--workers", workers)

    assert address in service.said
    assert "server.address" in service.said


async def test_an_operators_port_in_use_is_named_with_its_setting(standard: Installation) -> None:
    address = standard.settings.server.http_address
    with taken(address):
        service = await refused(standard)

    assert address in service.said
    assert "server.http_address" in service.said


async def test_a_database_that_is_not_there_is_named(standard: Installation) -> None:
    lost = standard.with_settings(
        database__request__url=f"host={standard.folder} user=somagent_request dbname=somagent"
    )

    service = await refused(lost)

    assert "the database does not answer" in " ".join(service.said.split())


async def test_a_key_that_is_missing_is_named_with_the_command_that_sets_it(
    standard: Installation,
) -> None:
    bare = standard.with_settings(secrets__store_folder=str(standard.folder / "other"))

    service = await refused(bare)

    assert "somagent secrets set receipt-signing-key" in " ".join(service.said.split())


@pytest.fixture
def old_data(embedded: Installation) -> Path:
    """A data folder of another version in its place."""
    data = Path(embedded.environment["SOMAGENT_DATABASE__DATA_FOLDER"], "data")
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    return data


def names_in(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


async def test_a_data_folder_of_another_version_is_left_alone(
    embedded: Installation, old_data: Path
) -> None:
    service = await refused(embedded)

    told = " ".join(service.said.split())
    assert "version 9" in told or "PostgreSQL 9" in told
    assert str(old_data) in told
    assert names_in(old_data) == ["PG_VERSION"]


async def test_a_folder_that_cannot_be_made_is_named(embedded: Installation) -> None:
    (embedded.folder / "file").write_text("in the way")
    folder = embedded.folder / "file" / "postgres"

    service = await refused(embedded.with_settings(database__data_folder=str(folder)))

    assert str(folder) in " ".join(service.said.split())


async def test_a_secret_store_that_cannot_be_made_is_named(standard: Installation) -> None:
    (standard.folder / "file").write_text("in the way")
    folder = standard.folder / "file" / "secrets"

    service = await refused(standard.with_settings(secrets__store_folder=str(folder)))

    assert str(folder) in " ".join(service.said.split())


async def test_settings_that_are_none_are_all_named(standard: Installation) -> None:
    wrong = standard.with_settings(turns__lease_seconds="soon", server__workers="-1")

    service = await start(wrong)

    assert await service.ended() == 5
    assert "SOMAGENT_TURNS__LEASE_SECONDS" in service.said
    assert "SOMAGENT_SERVER__WORKERS" in service.said
