"""What the repository promises as a whole: its locks, its targets, its documents."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
LOCKS: Final = sorted((ROOT / "requirements").glob("*.txt"))
DECISIONS: Final = sorted((ROOT / "contracts" / "decisions").glob("*.md"))
TARGETS: Final = (
    "bench",
    "clean",
    "crash",
    "engines",
    "help",
    "lint",
    "lock",
    "proto",
    "run",
    "serve",
    "test",
)
# Written so that this file is clean too.
MACHINE_PATHS: Final = re.compile(r"(?<![\w.~$}/])/(?:work|tmp|root|home/\w+|Users/\w+)(?:/|\b)")
OUTSIDE: Final = re.compile(
    r"\.\./share[d]|pypi\.or[g]|pythonhoste[d]|npmjs\.or[g]|proxy\.golan[g]|repo1\.mave[n]"
)

SILENCED: Final = re.compile(
    r"# (?:noq[a]: [A-Z0-9, ]+|type: ignor[e]\[[^]]*\]|pyright: ignor[e]\[[^]]*\])\W*$"
)


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """Every file of the tree that git keeps, or would keep."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607 - whichever git there is
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def lines_with(pattern: re.Pattern[str], paths: list[Path]) -> Iterator[str]:
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if pattern.search(line):
                yield f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", lock.read_text(), flags=re.MULTILINE))


def asked_for(requirements: list[object]) -> set[str]:
    names = (re.match(r"[A-Za-z0-9._-]+", item) for item in requirements if isinstance(item, str))
    return {name.group().lower().replace("_", "-") for name in names if name}


def test_a_lock_names_no_address() -> None:
    assert list(lines_with(re.compile(r"://|--(?:extra-)?index|--find-links"), LOCKS)) == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_pin_is_hashed(lock: Path) -> None:
    blocks = re.split(r"^(?=[a-z0-9])", lock.read_text(), flags=re.MULTILINE)

    assert [block for block in blocks if "==" in block and "--hash=sha256:" not in block] == []


def test_the_locks_agree() -> None:
    dev = pins(ROOT / "requirements" / "dev.txt")
    others = pins(ROOT / "requirements" / "runtime.txt") | pins(ROOT / "requirements" / "build.txt")

    assert {name: version for name, version in others.items() if dev.get(name) != version} == {}


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert (
        asked_for(project["project"]["dependencies"])
        <= pins(ROOT / "requirements" / "runtime.txt").keys()
    ), "make lock"
    for group, lock in (("dev", "dev"), ("build", "build"), ("model", "model")):
        locked = pins(ROOT / "requirements" / f"{lock}.txt").keys()
        assert asked_for(project["dependency-groups"][group]) <= locked, "make lock"


def test_the_wheel_holds_every_layer_and_all_generated_code() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    ours = [*ROOT.glob("src/*/__init__.py"), *ROOT.glob("proto/gen/*/*/")]

    assert set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == {
        path.parent.relative_to(ROOT).as_posix() for path in ours if path.parent.name[0] != "_"
    }


def test_no_file_names_a_path_of_a_machine(tracked: list[Path]) -> None:
    assert list(lines_with(MACHINE_PATHS, tracked)) == []


def test_no_file_names_a_registry_or_a_neighbour(tracked: list[Path]) -> None:
    assert list(lines_with(OUTSIDE, tracked)) == []


def test_a_silenced_check_has_its_reason_beside_it(tracked: list[Path]) -> None:
    written = [path for path in tracked if path.suffix == ".py" and "gen" not in path.parts]

    assert list(lines_with(SILENCED, written)) == []


@pytest.mark.parametrize("command", ["make run", "make test"])
def test_the_readme_names_the_command(command: str) -> None:
    assert command in (ROOT / "README.md").read_text()


def test_the_makefile_has_its_targets() -> None:
    makefile = (ROOT / "Makefile").read_text()

    assert set(re.findall(r"^([a-z]+):.*## ", makefile, flags=re.MULTILINE)) >= set(TARGETS)


def test_generated_code_says_so() -> None:
    generated = [*ROOT.glob("proto/gen/**/*_pb2*.py*"), *ROOT.glob("proto/stubs/**/*_pb2*.pyi")]

    assert generated
    assert [
        str(path.relative_to(ROOT))
        for path in generated
        if path.suffix in {".py", ".pyi"}
        and not re.search("generated", path.read_text()[:400], re.IGNORECASE)
    ] == []


def test_a_decision_says_why_what_and_what_follows() -> None:
    assert [
        decision.name
        for decision in DECISIONS
        if re.findall(r"^## (\w+)", decision.read_text(), flags=re.MULTILINE)
        != ["Context", "Decision", "Consequence"]
    ] == []


def test_decisions_are_numbered_one_after_the_other() -> None:
    numbers = [int(decision.name.split("-")[0]) for decision in DECISIONS]

    assert numbers == list(range(1, len(DECISIONS) + 1))


def test_a_script_can_be_run_and_stops_at_its_first_failure(tracked: list[Path]) -> None:
    scripts = [
        path
        for path in tracked
        if path.suffix == ".sh" or path == ROOT / ".ci" / "run"
        if path.read_text().startswith("#!")
    ]

    assert [
        str(path.relative_to(ROOT))
        for path in scripts
        if not path.stat().st_mode & 0o100 or "\nset -eu" not in path.read_text()
    ] == []
