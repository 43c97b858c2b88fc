"""Secrets by their references, and the keys that the embedded profile makes for itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import final

from adapters.secrets.errors import SecretStoreError
from adapters.secrets.references import ReferencedSecrets
from adapters.signing.ed25519 import Ed25519Keys, Ed25519Signer, new_private_key
from entrypoints.failure import StartError
from entrypoints.grpc.server import TlsMaterial
from entrypoints.settings.settings import Settings
from entrypoints.settings.values import NO_FILE, Profile

STEP = "secrets"
AUTHOR_KEY = "secret:capsule-author-key"
OPERATOR_KEY = "secret:operator-api-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What this service signs with, and whose signatures it takes.

    `author` signs capsules on a machine that has its own key for that: the embedded profile's.
    """

    receipts: Ed25519Signer
    receipt_keys: Ed25519Keys
    author: Ed25519Signer | None
    trusted_authors: Ed25519Keys
    paging: bytes


@final
class SecretKeeper:
    """The secret store of this service. Its failures are told as a step of starting."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._secrets = ReferencedSecrets(
            settings.secrets.store_folder, settings.secrets.mounted_folder
        )

    async def get(self, reference: str) -> str | None:
        """Raises: StartError: The store cannot be used."""
        try:
            return await self._secrets.get(reference)
        except SecretStoreError as error:
            raise StartError(STEP, f"{reference} cannot be read", str(error)) from error

    async def need(self, reference: str) -> str:
        """Raises: StartError: There is none, or the store cannot be used."""
        secret = await self.get(reference)
        if secret is None:
            raise StartError(
                STEP,
                f"{reference} is not set",
                f"set it: somagent secrets set {reference.removeprefix('secret:')}",
            )
        return secret

    async def put(self, reference: str, secret: str) -> None:
        """Raises: StartError: The store cannot be written."""
        try:
            await self._secrets.put(reference, secret)
        except SecretStoreError as error:
            raise StartError(STEP, f"{reference} cannot be kept", str(error)) from error

    async def keys(self) -> Keys:
        """Read the keys; the embedded profile makes what is missing.

        Raises:
            StartError: A key is missing or is none, or a folder of keys cannot be read.
        """
        settings = self._settings
        receipts = await self._signer(settings.receipts.signing_key)
        author = None
        trusted = _public_keys(settings.capsules.trusted_keys_folder)
        if settings.profile is Profile.EMBEDDED:
            author = await self._signer(AUTHOR_KEY)
            trusted.append(author.public_key)
        return Keys(
            receipts=receipts,
            receipt_keys=Ed25519Keys([receipts.public_key]),
            author=author,
            trusted_authors=Ed25519Keys(trusted),
            paging=bytes.fromhex(await self._made(settings.secrets.paging_key)),
        )

    async def _signer(self, reference: str) -> Ed25519Signer:
        key = await self._made(reference)
        try:
            return Ed25519Signer.of(key)
        except ValueError as error:
            raise StartError(STEP, f"{reference} is no key", str(error)) from error

    async def _made(self, reference: str) -> str:
        if self._settings.profile is not Profile.EMBEDDED:
            return await self.need(reference)
        known = await self.get(reference)
        if known is None:
            known = new_private_key()
            await self.put(reference, known)
        return known


async def tls_of(settings: Settings, secrets: SecretKeeper) -> TlsMaterial | None:
    """What the gRPC port shows and asks for; None where it is plaintext.

    Raises:
        StartError: A file cannot be read, or the key is not set.
    """
    tls = settings.server.tls
    if not tls.on:
        return None
    try:
        certificate = tls.certificate_file.read_bytes()
        authority = b"" if tls.client_ca_file == NO_FILE else tls.client_ca_file.read_bytes()
    except OSError as error:
        raise StartError("tls", str(error), "see server.tls in the settings") from error
    if tls.key is None:
        raise StartError("tls", "server.tls.key is not set", "a certificate needs its key")
    key = await secrets.need(tls.key)
    return TlsMaterial(certificate=certificate, key=key.encode(), client_ca=authority)


def _public_keys(folder: Path) -> list[bytes]:
    """The raw public keys in a folder, one a file, as 64 hexadecimal digits."""
    if folder == NO_FILE:
        return []
    try:
        return [bytes.fromhex(file.read_text().strip()) for file in sorted(folder.glob("*.pub"))]
    except (OSError, ValueError) as error:
        raise StartError(
            STEP, f"the keys in {folder} cannot be read", f"one 64-digit key a .pub file: {error}"
        ) from error
