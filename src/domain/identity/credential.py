"""How a credential is shown, and how it is remembered without being kept."""

from hashlib import sha256
from typing import Final

from domain.identity.errors import CredentialRefusedError

LONGEST_CREDENTIAL: Final = 16_384
"""Characters; what is longer is refused unread."""

_SCHEME: Final = "bearer"


def credential_in(authorization: str, api_key: str) -> str:
    """The one credential of a call's two headers, `authorization` and `x-api-key`.

    Raises:
        CredentialRefusedError: There is none, there are two that differ, the scheme is another, or
            it is not of printable ASCII.
    """
    bearer = _bearer(authorization)
    shown = api_key.strip()
    if not bearer and not shown:
        raise CredentialRefusedError(shown=False)
    if bearer and shown and bearer != shown:
        raise CredentialRefusedError
    credential = bearer or shown
    if (
        len(credential) > LONGEST_CREDENTIAL
        or not credential.isascii()
        or not credential.isprintable()
        or " " in credential
    ):
        raise CredentialRefusedError
    return credential


def fingerprint_of(credential: str) -> bytes:
    """Its SHA-256: caches are keyed by it, so that no credential lies in memory for long."""
    return sha256(credential.encode()).digest()


def _bearer(authorization: str) -> str:
    text = authorization.strip()
    if not text:
        return ""
    scheme, _, credential = text.partition(" ")
    if scheme.lower() != _SCHEME or not credential.strip():
        raise CredentialRefusedError
    return credential.strip()
