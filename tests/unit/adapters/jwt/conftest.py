"""The issuer that the suites of this folder share the making of."""

from pathlib import Path

import pytest

from adapters.inmemory.durable_clock import InMemoryClock
from adapters.jwt.verifier import JwtVerifier
from tests.fakes import StoppedClock
from tests.unit.adapters.jwt.issuer import Issuer, key_set, settings_for


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    file, clock = tmp_path / "keys.json", StoppedClock()
    file.write_bytes(key_set())
    verifier = JwtVerifier(settings_for(str(file)), clock, InMemoryClock(clock))
    return Issuer(file, clock, verifier)
