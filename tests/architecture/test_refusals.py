"""Every refusal has a reason of its own and a status on the wire, and every RPC gives it."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest

from domain.kernel.errors import DomainError
from entrypoints.grpc.errors import CODES

SRC: Final = Path(__file__).parents[2] / "src"


def subclasses(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


@pytest.fixture(scope="module")
def refusals() -> set[type[DomainError]]:
    for module in SRC.glob("domain/*/errors.py"):
        import_module(".".join(module.relative_to(SRC).with_suffix("").parts))
    return {
        kind
        for kind in subclasses(DomainError)
        if "reason" in vars(kind) and kind.__module__.startswith("domain.")
    }


def test_every_refusal_has_its_own_reason(refusals: set[type[DomainError]]) -> None:
    reasons = [refusal.reason for refusal in refusals]

    assert sorted(reason for reason in reasons if reasons.count(reason) > 1) == []


def test_a_reason_is_written_in_capitals(refusals: set[type[DomainError]]) -> None:
    assert [
        refusal.reason
        for refusal in refusals
        if not re.fullmatch("[A-Z][A-Z0-9_]+", refusal.reason)
    ] == []


def test_every_refusal_has_a_status_code(refusals: set[type[DomainError]]) -> None:
    assert [refusal.__name__ for refusal in refusals if not issubclass(refusal, tuple(CODES))] == []


def answers_refusals(rpc: ast.AsyncFunctionDef) -> bool:
    first = rpc.body[1] if ast.get_docstring(rpc) else rpc.body[0]
    return ast.unparse(first).startswith("async with answering(")


def test_every_rpc_answers_refusals() -> None:
    assert [
        f"{module.stem}.{node.name}"
        for module in (SRC / "entrypoints" / "grpc").rglob("*.py")
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.AsyncFunctionDef) and node.name[0].isupper()
        if not answers_refusals(node)
    ] == []
