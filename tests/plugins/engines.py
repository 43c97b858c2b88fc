"""Programs that `make engines` fetches, as fixtures; a case whose program is missing is not run."""

import subprocess
from pathlib import Path
from typing import Final

import pytest

SCRIPTS: Final = Path(__file__).parents[2] / "infra" / "engines"


def program(name: str) -> Path:
    found = subprocess.run(  # noqa: S603 - our own script
        [str(SCRIPTS / f"{name}.sh"), "path"], capture_output=True, text=True, check=False
    )
    if found.returncode:
        pytest.skip(f"{name} was not fetched: make engines")
    return Path(found.stdout.strip())


@pytest.fixture(scope="session")
def grpcurl() -> Path:
    return program("grpcurl")


@pytest.fixture(scope="session")
def helm() -> Path:
    return program("helm")
