"""Each contract of importlinter.ini breaks when it is violated."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
VIOLATIONS: Final[list[tuple[str, Mapping[str, str]]]] = [
    ("Dependencies point inwards", {"domain/budget": "import application.budget"}),
    ("Adapters see ports, never use cases", {"adapters/postgres": "import application.budget"}),
    ("Only the composition root touches adapters", {"entrypoints": "import adapters.postgres"}),
    ("Domain contexts know only the kernel", {"domain/budget": "import domain.tools"}),
    ("Domain contexts know only the kernel", {"domain/helpers": ""}),
    (
        "Application contexts form a declared hierarchy",
        {"application/budget": "import application.conversation"},
    ),
    ("Adapters do not know each other", {"adapters/postgres": "import adapters.openai"}),
    (
        "No cycles anywhere",
        {
            "entrypoints/left": "import entrypoints.right",
            "entrypoints/right": "import entrypoints.left",
        },
    ),
    ("The domain imports nothing else", {"domain/budget": "import sqlalchemy"}),
    ("The domain imports nothing else", {"domain/kernel": "import time"}),
    ("The application imports nothing else", {"application/budget": "import grpc"}),
    ("One home per technology", {"adapters/openai": "import sqlalchemy"}),
    ("One home per technology", {"adapters/postgres": "import a_library_nobody_listed"}),
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what import-linter reads, free to be spoilt."""
    for part in ("src", "proto/gen", "tests/architecture"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, tmp_path / part, ignore=ignored)
    shutil.copy(ROOT / "importlinter.ini", tmp_path)
    return tmp_path


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    found = os.pathsep.join(str(tree / root) for root in ("src", "proto/gen"))
    return subprocess.run(  # noqa: S603 - our own interpreter on our own arguments
        [
            str(Path(sys.executable).with_name("lint-imports")),
            "--config",
            "importlinter.ini",
            "--no-cache",
        ],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": found, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_tree_keeps_every_contract(tree: Path) -> None:
    linted = lint(tree)

    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "0 broken" in linted.stdout


@pytest.mark.parametrize(("contract", "lines"), VIOLATIONS)
def test_a_violation_breaks_the_contract_that_forbids_it(
    tree: Path, contract: str, lines: Mapping[str, str]
) -> None:
    for package, line in lines.items():
        marker = tree / "src" / package / "__init__.py"
        marker.parent.mkdir(exist_ok=True)
        marker.write_text(f"{line}\n")

    linted = lint(tree)

    assert linted.returncode == 1, linted.stdout + linted.stderr
    assert f"{contract} BROKEN" in linted.stdout


def test_every_contract_is_violated_once() -> None:
    named = {
        line.removeprefix("name = ")
        for line in (ROOT / "importlinter.ini").read_text().splitlines()
        if line.startswith("name = ")
    }

    assert {contract for contract, _ in VIOLATIONS} == named
