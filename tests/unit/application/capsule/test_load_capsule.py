"""Capsules from the draft to the turn that runs under them."""

from dataclasses import replace

import pytest

from adapters.signing.ed25519 import Ed25519Keys
from application.capsule.get_capsule import (
    GetCapsuleQuery,
)
from application.capsule.load_capsule import (
    LoadCapsuleQuery,
)
from domain.capsule.errors import (
    CapsuleNotFoundError,
    CapsuleRevokedError,
    CapsuleSignatureInvalidError,
)
from domain.capsule.manifest import Signature
from domain.kernel.errors import EtagMismatchError
from tests.builders import TENANT
from tests.unit.application.capsule.workshop import (
    AUTHOR,
    STRANGER,
    Workshop,
    signed,
    workshop_of,
)


async def test_a_turn_loads_the_active_version_and_its_settings(workshop: Workshop) -> None:
    await workshop.put(await signed())
    active = await workshop.start()

    loaded = await workshop.loaded()

    assert loaded.capsule == active
    assert (loaded.settings.max_tokens, loaded.settings.token_limit) == (512, 50_000)


async def test_a_capsule_without_an_active_version_is_not_found(workshop: Workshop) -> None:
    await workshop.put(await signed())

    with pytest.raises(CapsuleNotFoundError):
        await workshop.loaded()
    with pytest.raises(CapsuleNotFoundError):
        await workshop.get(GetCapsuleQuery(tenant_id=TENANT, name="demo"))


async def test_an_activation_here_is_seen_at_once(workshop: Workshop) -> None:
    await workshop.put(await signed())
    await workshop.start()
    await workshop.loaded()

    await workshop.put(await signed(changes={"version": "2.0.0"}))
    await workshop.start("2.0.0")

    assert (await workshop.loaded()).capsule.manifest.version == "2.0.0"


async def test_an_activation_elsewhere_is_seen_within_five_seconds(workshop: Workshop) -> None:
    elsewhere = workshop_of(
        workshop.capsules, workshop.clock, Ed25519Keys([AUTHOR.public_key]), "elsewhere"
    )
    await workshop.put(await signed())
    await workshop.start()
    await workshop.loaded()

    await elsewhere.put(await signed(changes={"version": "2.0.0"}))
    await elsewhere.start("2.0.0")
    workshop.clock.advance(5)

    assert (await workshop.loaded()).capsule.manifest.version == "2.0.0"


async def test_a_waiting_turn_keeps_its_version(workshop: Workshop) -> None:
    await workshop.put(await signed())
    first = await workshop.start()
    await workshop.put(await signed(changes={"version": "2.0.0"}))
    await workshop.start("2.0.0")

    loaded = await workshop.load(LoadCapsuleQuery(tenant_id=TENANT, capsule=first.id))

    assert loaded.capsule.manifest.version == "1.0.0"


async def test_no_turn_begins_under_a_revoked_version(workshop: Workshop) -> None:
    await workshop.put(await signed())
    active = await workshop.start()
    pinned = LoadCapsuleQuery(tenant_id=TENANT, capsule=active.id)
    await workshop.loaded()
    await workshop.load(pinned)

    await workshop.withdraw()

    with pytest.raises(CapsuleRevokedError):
        await workshop.loaded()
    with pytest.raises(CapsuleRevokedError):
        await workshop.load(pinned)


async def test_a_revocation_elsewhere_is_seen_within_five_seconds(workshop: Workshop) -> None:
    elsewhere = workshop_of(
        workshop.capsules, workshop.clock, Ed25519Keys([AUTHOR.public_key]), "elsewhere"
    )
    await workshop.put(await signed())
    active = await workshop.start()
    pinned = LoadCapsuleQuery(tenant_id=TENANT, capsule=active.id)
    await workshop.load(pinned)

    await elsewhere.withdraw()
    workshop.clock.advance(5)

    with pytest.raises(CapsuleRevokedError):
        await workshop.load(pinned)


async def test_a_key_that_is_no_longer_trusted_ends_its_capsules(workshop: Workshop) -> None:
    await workshop.put(await signed())
    await workshop.start()

    without = workshop_of(workshop.capsules, workshop.clock, Ed25519Keys([STRANGER.public_key]))

    with pytest.raises(CapsuleSignatureInvalidError):
        await without.loaded()
    with pytest.raises(CapsuleSignatureInvalidError):
        await without.start()


async def test_a_row_that_was_changed_in_the_store_is_found_out(workshop: Workshop) -> None:
    await workshop.put(await signed())
    active = await workshop.start()
    louder = replace(active.manifest, instructions="Shout.")
    workshop.capsules.kept[TENANT, active.id] = replace(active, manifest=louder)

    with pytest.raises(CapsuleSignatureInvalidError):
        await workshop.loaded()


async def test_a_signature_that_was_changed_in_the_store_is_found_out(workshop: Workshop) -> None:
    await workshop.put(await signed())
    active = await workshop.start()
    forged = active.document.replace(active.signature.value.hex().encode(), b"0" * 128)
    workshop.capsules.kept[TENANT, active.id] = replace(
        active,
        document=forged,
        signature=Signature(key_id=active.signature.key_id, value=bytes(64)),
    )

    with pytest.raises(CapsuleSignatureInvalidError):
        await workshop.loaded()


async def test_an_old_etag_activates_nothing(workshop: Workshop) -> None:
    draft = await workshop.put(await signed())

    with pytest.raises(EtagMismatchError):
        await workshop.start(etag=f"{draft.etag}0")
