"""Rules a linter cannot state."""

import ast
import re
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SRC: Final = ROOT / "src"
LAYERS: Final = ("adapters", "application", "domain", "entrypoints")
MODULES: Final = sorted(SRC.rglob("*.py"))
OURS: Final = sorted(
    path
    for folder in ("src", "sdk", "tests", "bench", "infra")
    for path in (ROOT / folder).rglob("*.py")
)
LONGEST: Final = 300
VAGUE: Final = frozenset(
    re.findall(
        r"\w+",
        "base common core data engine enhanced handler helper helpers impl info manager master "
        "misc orchestrator processor real shared simple unified util utils v2 v3 wrapper",
    )
)
EXCUSED: Final = {
    "data": "adapters/postgres/",  # the data folder
    "engine": "adapters/postgres/",  # SQLAlchemy's own word
    "handler": "entrypoints/grpc/",  # gRPC's own word
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def words_of(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+\d*|\d+", name)}


def vague_in(name: str, module: Path) -> set[str]:
    return {
        word
        for word in VAGUE & words_of(name)
        if EXCUSED.get(word, "no such folder") not in name_of(module)
    }


def classes_of(module: Path) -> Iterator[ast.ClassDef]:
    return (node for node in ast.walk(tree_of(module)) if isinstance(node, ast.ClassDef))


def test_src_holds_four_layers() -> None:
    assert {path.name for path in SRC.iterdir() if path.name[0] not in "._"} == set(LAYERS)


@pytest.mark.parametrize("layer", LAYERS)
def test_no_other_distribution_claims_a_layer(layer: str) -> None:
    assert set(packages_distributions().get(layer, ["somagent"])) == {"somagent"}


def test_a_module_is_named_for_what_it_holds() -> None:
    assert [name_of(module) for module in MODULES if vague_in(module.stem, module)] == []


def test_a_class_is_named_for_what_it_is() -> None:
    assert [
        f"{name_of(module)}: {node.name}"
        for module in MODULES
        for node in classes_of(module)
        if vague_in(node.name, module)
    ] == []


def test_a_module_fits_in_the_head() -> None:
    assert [name_of(path) for path in OURS if len(path.read_text().splitlines()) > LONGEST] == []


def test_a_module_says_in_one_line_what_it_holds() -> None:
    assert [
        name_of(module)
        for module in MODULES
        if module.name != "__init__.py" and not ast.get_docstring(tree_of(module))
    ] == []


def test_a_package_marker_is_empty() -> None:
    assert [
        name_of(module) for module in MODULES if module.name == "__init__.py" and module.read_text()
    ] == []


def test_the_domain_is_synchronous() -> None:
    assert [
        name_of(module)
        for module in (SRC / "domain").rglob("*.py")
        if any(
            isinstance(node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await)
            for node in ast.walk(tree_of(module))
        )
    ] == []


def promises_of(node: ast.ClassDef) -> set[str] | None:
    """Return what its dataclass decorator asks for, None without one."""
    for decorator in node.decorator_list:
        if ast.unparse(decorator).split("(")[0] == "dataclass":
            words = decorator.keywords if isinstance(decorator, ast.Call) else []
            return {f"{word.arg}={ast.unparse(word.value)}" for word in words}
    return None


def test_what_the_domain_holds_is_frozen_and_slotted() -> None:
    assert [
        f"{name_of(module)}: {node.name}"
        for module in (SRC / "domain").rglob("*.py")
        for node in classes_of(module)
        if (promises := promises_of(node)) is not None
        if not promises >= {"frozen=True", "slots=True"}
    ] == []


def is_use_case(node: ast.ClassDef) -> bool:
    methods = {item.name for item in node.body if isinstance(item, ast.AsyncFunctionDef)}
    return "__call__" in methods and "Protocol" not in map(ast.unparse, node.bases)


def test_a_use_case_is_a_frozen_dataclass_of_its_ports() -> None:
    assert [
        f"{name_of(module)}: {node.name}"
        for module in (SRC / "application").rglob("*.py")
        for node in classes_of(module)
        if is_use_case(node) and promises_of(node) != {"frozen=True", "slots=True", "kw_only=True"}
    ] == []


def test_only_the_settings_read_the_environment() -> None:
    assert [
        name_of(module)
        for module in MODULES
        if not name_of(module).startswith("src/entrypoints/settings")
        if any(
            ast.unparse(node) in {"os.environ", "os.getenv"}
            for node in ast.walk(tree_of(module))
            if isinstance(node, ast.Attribute)
        )
    ] == []
