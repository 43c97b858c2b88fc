"""What a manifest says of answers that break off."""

from typing import Final

import pytest

from domain.capsule.errors import CapsuleMalformedError
from domain.capsule.manifest import OnInterruption
from domain.capsule.manifest_reading import read_manifest

LEAST: Final = {
    "apiVersion": "somagent.dev/v3",
    "name": "greeter",
    "version": "1.0.0",
    "persona": {"instructions": "Be brief."},
    "models": {"allow": ["*"]},
}


def test_an_answer_that_broke_off_fails_its_turn_unless_the_manifest_says_otherwise() -> None:
    assert read_manifest(LEAST).on_interruption is OnInterruption.FAIL


@pytest.mark.parametrize("policy", list(OnInterruption))
def test_the_manifest_says_what_becomes_of_it(policy: OnInterruption) -> None:
    manifest = read_manifest({**LEAST, "policy": {"on_interruption": policy.value}})

    assert manifest.on_interruption is policy


def test_any_other_policy_is_refused_with_its_place() -> None:
    with pytest.raises(CapsuleMalformedError, match=r"policy\.on_interruption"):
        read_manifest({**LEAST, "policy": {"on_interruption": "ask"}})
