"""Every call of a port is a step at which a server can be told to fail, or is not, for a reason."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from inspect import getmembers, isclass, iscoroutinefunction
from pathlib import Path
from typing import Final

import pytest

import application
from adapters.failpoints.catalogue import MODEL, PORTS

UNWATCHED: Final[Mapping[str, str]] = {
    "Authorizer": "decides, and writes nothing down",
    "CapsuleFiles": "reads a text that it is given",
    "CapsuleSigner": "signs within the process",
    "ConsumptionObserver": "counts within the process",
    "Credentials": "reads",
    "DurableClock": "reads",
    "Findings": "reads",
    "InvocationReader": "reads",
    "LanguageModel": f"has its points along its stream: {MODEL}",
    "PassObserver": "counts within the process",
    "Parts": "asks how they are, and changes nothing",
    "PublishedEvents": "reads",
    "RateLimits": "counts within the process",
    "RelayBell": "rings within the process",
    "RestingPlace": "is a part of DeadLetters, which is watched",
    "SealBell": "rings within the process",
    "Signer": "signs within the process",
    "StuckTurns": "reads",
    "Subscriptions": "reads",
    "TakeMessage": "is a use case, whose steps are those of its ports",
    "TellOfLetter": "is a use case, whose steps are those of its ports",
    "TokenCounter": "counts within the process",
    "TokenVerifier": "reads an issuer's keys, and changes nothing there",
    "TurnObserver": "counts within the process",
    "TurnReader": "reads",
}
"""Ports none of whose calls is a step, and why."""


def _ports() -> Iterator[type]:
    """Every Protocol of a module of ports."""
    root = Path(application.__file__).parent
    for file in [*root.glob("*/ports.py"), *root.glob("*/ports/*.py")]:
        name = ".".join(("application", *file.relative_to(root).with_suffix("").parts))
        for _, found in getmembers(import_module(name), isclass):
            if getattr(found, "_is_protocol", False) and found.__module__ == name:
                yield found


def _calls(port: type) -> set[str]:
    return {name for name, _ in getmembers(port, iscoroutinefunction) if not name.startswith("_")}


ASKED: Final = sorted({port for port in _ports() if _calls(port)}, key=lambda port: port.__name__)
WATCHED: Final = {watched.port for watched in PORTS.values()}


@pytest.mark.parametrize("port", ASKED, ids=lambda port: str(port.__name__))
def test_a_port_is_watched_or_not_for_a_reason(port: type) -> None:
    assert (port in WATCHED) != (port.__name__ in UNWATCHED)


def test_reasons_are_given_for_ports_that_there_are() -> None:
    assert set(UNWATCHED) - {port.__name__ for port in _ports()} == set()
