"""Capsules from the author's file to the draft."""

import pytest

from adapters.canonical.canonical_json import Rfc8785Json
from adapters.capsule_files.capsule_files import YamlCapsuleFiles
from application.capsule.get_capsule import (
    GetCapsuleQuery,
    ListCapsulesQuery,
)
from application.capsule.sign_capsule import SignCapsule
from application.kernel.ports import Json
from domain.capsule.capsule import CapsuleState
from domain.capsule.errors import (
    CapsuleMalformedError,
    CapsuleSignatureInvalidError,
    ConstitutionUnavailableError,
    UnknownKnobError,
)
from tests.builders import TENANT
from tests.unit.application.capsule.workshop import (
    AUTHOR,
    EXAMPLE,
    STRANGER,
    Workshop,
    signed,
)


async def test_a_signed_file_becomes_a_draft(workshop: Workshop) -> None:
    draft = await workshop.put(await signed())

    assert (draft.manifest.name, draft.state) == ("demo", CapsuleState.DRAFT)
    assert draft.signature.key_id == AUTHOR.key_id
    assert (
        await workshop.get(GetCapsuleQuery(tenant_id=TENANT, name="demo", version="1.0.0")) == draft
    )
    assert await workshop.list(ListCapsulesQuery(tenant_id=TENANT, limit=9)) == [draft]


async def test_the_form_of_the_file_does_not_change_its_hash(workshop: Workshop) -> None:
    text = await signed()
    document = await YamlCapsuleFiles().read(text)

    as_json = Rfc8785Json().encode(document).decode()

    assert (await workshop.put(as_json)).hash == (await workshop.put(text)).hash


async def test_signing_again_replaces_the_signature() -> None:
    text = await signed(await signed(by=STRANGER))

    assert STRANGER.key_id not in text
    assert text == await signed()


async def test_validating_only_keeps_nothing(workshop: Workshop) -> None:
    checked = await workshop.put(await signed(), validate_only=True)

    assert checked.manifest.name == "demo"
    assert await workshop.list(ListCapsulesQuery(tenant_id=TENANT, limit=9)) == []


async def test_a_file_that_was_changed_after_signing_is_refused(workshop: Workshop) -> None:
    text = (await signed()).replace("intelligence_level: 3", "intelligence_level: 9")

    with pytest.raises(CapsuleSignatureInvalidError) as refusal:
        await workshop.put(text)
    assert refusal.value.facts["cause"] == "tampered"


async def test_a_file_of_a_stranger_is_refused(workshop: Workshop) -> None:
    with pytest.raises(CapsuleSignatureInvalidError) as refusal:
        await workshop.put(await signed(by=STRANGER))
    assert refusal.value.facts["cause"] == "unknown_key"


async def test_a_file_without_a_signature_is_refused(workshop: Workshop) -> None:
    with pytest.raises(CapsuleSignatureInvalidError) as refusal:
        await workshop.put(EXAMPLE)
    assert refusal.value.facts["cause"] == "unsigned"


async def test_a_signature_over_the_bare_hash_is_none_of_a_capsule(workshop: Workshop) -> None:
    draft = await workshop.put(await signed(), validate_only=True)

    assert workshop.verify.trusted.verify(AUTHOR.key_id, draft.hash, await AUTHOR.sign(draft.hash))
    assert not workshop.verify.trusted.verify(AUTHOR.key_id, draft.hash, draft.signature.value)


async def test_what_is_no_manifest_cannot_be_signed() -> None:
    sign = SignCapsule(canonical=Rfc8785Json(), signer=AUTHOR)

    with pytest.raises(CapsuleMalformedError):
        await sign({"name": "demo"})
    with pytest.raises(CapsuleMalformedError):
        await sign(["demo"])


async def test_an_unknown_knob_is_refused(workshop: Workshop) -> None:
    with pytest.raises(UnknownKnobError):
        await workshop.put(EXAMPLE.replace("autonomy_level", "autonomy"))


async def test_a_capsule_with_a_constitution_is_refused(workshop: Workshop) -> None:
    rules: Json = {"reference": "rules", "hash": "a" * 64}

    with pytest.raises(ConstitutionUnavailableError):
        await workshop.put(await signed(changes={"constitution": rules}))
