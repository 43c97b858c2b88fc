"""Everything that is done with capsules, over one store, and a signed file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from adapters.canonical.canonical_json import Rfc8785Json
from adapters.capsule_files.capsule_files import YamlCapsuleFiles
from adapters.inmemory.capsules import InMemoryCapsules
from adapters.signing.ed25519 import Ed25519Keys, Ed25519Signer, new_private_key
from application.capsule.activate_capsule import ActivateCapsule, ActivateCapsuleCommand
from application.capsule.create_capsule import CreateCapsule, CreateCapsuleCommand
from application.capsule.get_capsule import (
    GetCapsule,
    ListCapsules,
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
from application.kernel.audit import Audit
from application.kernel.ports import Json
from domain.capsule.capsule import Capsule
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
                tenant="acme",
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
                tenant="acme",
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
            capsules=capsules,
            verify=verify,
            canonical=canonical,
            clock=clock,
            identifiers=CountingIdentifiers(f"facts {place}"),
            known=known,
        ),
        revoke=RevokeCapsule(
            capsules=capsules,
            canonical=canonical,
            known=known,
            audit=Audit(clock=clock, identifiers=CountingIdentifiers(f"audits {place}")),
        ),
        load=LoadCapsule(capsules=capsules, verify=verify, canonical=canonical, known=known),
        get=GetCapsule(capsules=capsules),
        list=ListCapsules(capsules=capsules),
    )


async def signed(
    text: str = EXAMPLE, *, by: CapsuleSigner = AUTHOR, changes: dict[str, Json] | None = None
) -> str:
    files = YamlCapsuleFiles()
    document = cast("dict[str, Json]", await files.read(text)) | (changes or {})
    sign = SignCapsule(canonical=Rfc8785Json(), signer=by)
    return files.write(await sign(document))
