"""Code, contract and API name the same reasons, with the same statuses."""

import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest

from domain.kernel.errors import DomainError
from entrypoints.grpc import refusals
from entrypoints.grpc.errors import CODES
from somagent.errors.v1 import reason_pb2

ROOT: Final = Path(__file__).parents[2]
SRC: Final = ROOT / "src"
REASONS: Final = tomllib.loads((ROOT / "contracts" / "reasons.toml").read_text())

IN_ANSWERS: Final = frozenset({"APPROVAL_REJECTED", "APPROVAL_REQUIRED", "TURN_CANCELLED"})
"""Told in what a call answers, of a turn, an invocation or a candidate; no call is refused so."""


def subclasses(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


@pytest.fixture(scope="module")
def statuses() -> dict[str, str]:
    """The status of each reason, as the table of codes gives it to the refusal's kind."""
    for module in SRC.glob("domain/*/errors.py"):
        import_module(".".join(module.relative_to(SRC).with_suffix("").parts))
    return {
        kind.reason: next(code.name for above, code in CODES.items() if issubclass(kind, above))
        for kind in subclasses(DomainError)
        if "reason" in vars(kind) and kind.__module__.startswith(("domain.", refusals.__name__))
    } | {refusals.INTERNAL: "INTERNAL"}


def test_every_refusal_is_in_the_contract_with_its_status(statuses: dict[str, str]) -> None:
    assert {reason: REASONS.get(reason, {}).get("status") for reason in statuses} == statuses


def test_every_reason_of_the_contract_is_told_by_somebody(statuses: dict[str, str]) -> None:
    assert sorted(set(REASONS) - set(statuses)) == sorted(IN_ANSWERS)


def test_the_api_names_the_same_reasons() -> None:
    named = {name.removeprefix("REASON_") for name in reason_pb2.Reason.keys()}  # noqa: SIM118 - an enum of protobuf, not a mapping

    assert named - {"UNSPECIFIED"} == set(REASONS)


def test_every_reason_says_what_it_means() -> None:
    assert [
        reason
        for reason, entry in REASONS.items()
        if set(entry) != {"status", "meaning"} or not entry["meaning"].endswith(".")
    ] == []
