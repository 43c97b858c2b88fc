"""The workshop that the suites of this folder use."""

import pytest

from adapters.inmemory.capsules import InMemoryCapsules
from adapters.signing.ed25519 import Ed25519Keys
from tests.fakes import StoppedClock
from tests.unit.application.capsule.workshop import AUTHOR, Workshop, workshop_of


@pytest.fixture
def workshop() -> Workshop:
    return workshop_of(InMemoryCapsules(), StoppedClock(), Ed25519Keys([AUTHOR.public_key]))
