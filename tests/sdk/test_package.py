"""The package as it is handed out: it stands on its own, and its promises can be run."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Final

import grpc
import pytest

from somagent_client.retrying import SERVICE_CONFIG, policy_of

ROOT: Final = Path(__file__).parents[2]
SDK: Final = ROOT / "sdk"
PYTHON: Final = SDK / "python"
IMPORTED: Final = re.compile(r"^\s*(?:from|import) (\w+)", re.MULTILINE)
HOMES: Final = {
    "google": {"googleapis-common-protos", "protobuf"},
    "grpc": {"grpcio"},
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the tree without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(  # noqa: S603 - the build back end
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=PYTHON,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_client_its_types_its_policy_and_the_contract(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())

    assert [name for name in held if name.endswith(".pyc")] == []
    generated = ROOT / "proto" / "gen"
    assert held >= {
        "somagent_client/client.py",
        "somagent_client/py.typed",
        "somagent_client/service_config.json",
        *(
            path.relative_to(generated).as_posix()
            for path in generated.rglob("*")
            if path.suffix in {".py", ".pyi"}
        ),
    }


def test_it_works_without_the_service(wheel: Path, tmp_path: Path) -> None:
    unpacked = tmp_path / "client"
    zipfile.ZipFile(wheel).extractall(unpacked)
    script = (
        "import sys, somagent_client, somagent.conversation.v1.conversation_pb2 as pb\n"
        f"assert somagent_client.__file__.startswith({str(unpacked)!r}), somagent_client.__file__\n"
        f"assert pb.__file__.startswith({str(unpacked)!r}), pb.__file__\n"
        "assert not {'domain', 'application', 'adapters', 'entrypoints'} & set(sys.modules)\n"
    )

    told = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 0, told.stderr


def test_it_imports_only_what_it_asks_for() -> None:
    project = tomllib.loads((PYTHON / "pyproject.toml").read_text())
    asked = {name.split(">=")[0] for name in project["project"]["dependencies"]}
    imported = {
        name
        for path in (PYTHON / "somagent_client").glob("*.py")
        for name in IMPORTED.findall(path.read_text())
    }

    others = imported - sys.stdlib_module_names - {"somagent", "somagent_client"}
    assert set().union(*(HOMES[name] for name in others)) == asked


def test_other_languages_are_given_the_same_policy() -> None:
    assert (SDK / "service_config.json").read_text() == SERVICE_CONFIG


def test_only_what_is_unavailable_is_tried_again() -> None:
    assert policy_of(SERVICE_CONFIG).codes == {grpc.StatusCode.UNAVAILABLE}
