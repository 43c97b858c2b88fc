"""The life of one version of a capsule."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from domain.capsule.capsule import Capsule, CapsuleState
from domain.capsule.errors import CapsuleRevokedError, ConstitutionUnavailableError
from domain.capsule.manifest import Constitution, Manifest, Signature
from tests.builders import CAPSULE_VERSION, TENANT
from tests.fakes import NOON

MANIFEST: Final = Manifest(
    name="greeter", version="1.0.0", display_name="Greeter", instructions="Greet."
)
DRAFT: Final = Capsule(
    id=CAPSULE_VERSION,
    tenant_id=TENANT,
    manifest=MANIFEST,
    document=b"{}",
    hash=bytes(32),
    signature=Signature(key_id="0" * 16, value=bytes(64)),
    state=CapsuleState.DRAFT,
    created_at=NOON,
)
BOUND: Final = replace(
    DRAFT, manifest=replace(MANIFEST, constitution=Constitution(reference="rules", hash="a" * 64))
)


def test_a_draft_becomes_active() -> None:
    active = DRAFT.activate(NOON)

    assert (active.state, active.activated_at) == (CapsuleState.ACTIVE, NOON)
    assert active.etag != DRAFT.etag


def test_an_active_version_keeps_its_time_when_it_is_activated_again() -> None:
    active = DRAFT.activate(NOON)

    assert active.activate(NOON + timedelta(days=1)) == active


def test_a_retired_version_can_be_activated_again() -> None:
    again = DRAFT.activate(NOON).retire().activate(NOON + timedelta(days=1))

    assert (again.state, again.revision) == (CapsuleState.ACTIVE, 4)


def test_a_revoked_version_is_revoked_for_good() -> None:
    revoked = DRAFT.activate(NOON).revoke()

    assert revoked.revoke() == revoked
    with pytest.raises(CapsuleRevokedError):
        revoked.activate(NOON)
    with pytest.raises(CapsuleRevokedError):
        revoked.check_usable()


def test_a_capsule_that_asks_for_a_constitution_is_not_used() -> None:
    with pytest.raises(ConstitutionUnavailableError):
        BOUND.activate(NOON)
