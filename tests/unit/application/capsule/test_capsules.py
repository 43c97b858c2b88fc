"""Capsules from the author's file to the turn that runs under them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, cast

import pytest

from adapters.canonical.canonical_json import Rfc8785Json
from adapters.capsule_files.capsule_files import YamlCapsuleFiles
from adapters.inmemory.capsules import InMemoryCapsules
from adapters.signing.ed25519 import Ed25519Keys, Ed25519Signer, new_private_key
from application.capsule.activate_capsule import ActivateCapsule, ActivateCapsuleCommand
from application.capsule.create_capsule import CreateCapsule, CreateCapsuleCommand
from application.capsule.get_capsule import (
    GetCapsule,
    GetCapsuleQuery,
    ListCapsules,
    ListCapsulesQuery,
)
from application.capsule.load_capsule import (
    KnownCapsules,
    LoadCapsule,
    LoadCapsuleQuery,
    LoadedCapsule,
)
from application.capsule.ports import CapsuleSigner
from application.capsule.revoke_capsule import RevokeCapsule, RevokeCapsuleCommand
from application.capsule.sign_capsule import SignCapsule
from application.capsule.verify_capsule import VerifyCapsule
from application.kernel.ports import Json
from domain.capsule.capsule import Capsule, CapsuleState
from domain.capsule.errors import (
    CapsuleMalformedError,
    CapsuleNotFoundError,
    CapsuleRevokedError,
    CapsuleSignatureInvalidError,
    ConstitutionUnavailableError,
    UnknownKnobError,
)
from domain.capsule.manifest import Signature
from domain.kernel.errors import EtagMismatchError
from domain.kernel.identifiers import RequestId
from tests.builders import TENANT, principal
from tests.fakes import CountingIdentifiers, StoppedClock

EXAMPLE: Final = (
    Path(__file__).parents[4] / "contracts" / "capsules" / "examples" / "demo.yaml"
).read_text()
AUTHOR: Final = Ed25519Signer.of(new_private_key())
STRANGER: Final = Ed25519Signer.of(new_private_key())


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Everything that is done with capsules, over one store, trusting one author."""

    clock: StoppedClock
    identifiers: CountingIdentifiers
    capsules: InMemoryCapsules
    verify: VerifyCapsule
    create: CreateCapsule
    activate: ActivateCapsule
    revoke: RevokeCapsule
    load: LoadCapsule
    get: GetCapsule
    list: ListCapsules

    async def put(self, manifest: str, *, validate_only: bool = False) -> Capsule:
        return await self.create(
            CreateCapsuleCommand(
                principal=principal(),
                tenant_id=TENANT,
                manifest=manifest,
                request_id=self.request(),
                validate_only=validate_only,
            )
        )

    async def start(self, version: str = "1.0.0", etag: str = "") -> Capsule:
        return await self.activate(
            ActivateCapsuleCommand(
                principal=principal(),
                tenant_id=TENANT,
                name="demo",
                version=version,
                etag=etag,
                request_id=self.request(),
            )
        )

    async def withdraw(self, version: str = "1.0.0") -> Capsule:
        return await self.revoke(
            RevokeCapsuleCommand(
                principal=principal(),
                tenant_id=TENANT,
                name="demo",
                version=version,
                etag="",
                request_id=self.request(),
            )
        )

    async def loaded(self) -> LoadedCapsule:
        return await self.load(LoadCapsuleQuery(tenant_id=TENANT, capsule="demo"))

    def request(self) -> RequestId:
        return RequestId(str(self.identifiers.next()))


def workshop_of(
    capsules: InMemoryCapsules, clock: StoppedClock, keys: Ed25519Keys, place: str = "here"
) -> Workshop:
    canonical, known = Rfc8785Json(), KnownCapsules.within(clock)
    verify = VerifyCapsule(canonical=canonical, trusted=keys)
    return Workshop(
        clock=clock,
        identifiers=CountingIdentifiers(f"requests {place}"),
        capsules=capsules,
        verify=verify,
        create=CreateCapsule(
            capsules=capsules,
            files=YamlCapsuleFiles(),
            verify=verify,
            clock=clock,
            identifiers=CountingIdentifiers(f"capsules {place}"),
        ),
        activate=ActivateCapsule(
            capsules=capsules, verify=verify, canonical=canonical, clock=clock, known=known
        ),
        revoke=RevokeCapsule(capsules=capsules, canonical=canonical, known=known),
        load=LoadCapsule(capsules=capsules, verify=verify, canonical=canonical, known=known),
        get=GetCapsule(capsules=capsules),
        list=ListCapsules(capsules=capsules),
    )


@pytest.fixture
def workshop() -> Workshop:
    return workshop_of(InMemoryCapsules(), StoppedClock(), Ed25519Keys([AUTHOR.public_key]))


async def signed(
    text: str = EXAMPLE, *, by: CapsuleSigner = AUTHOR, changes: dict[str, Json] | None = None
) -> str:
    files = YamlCapsuleFiles()
    document = cast("dict[str, Json]", await files.read(text)) | (changes or {})
    sign = SignCapsule(canonical=Rfc8785Json(), signer=by)
    return files.write(await sign(document))


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
