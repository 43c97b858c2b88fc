"""An issuer of tokens for tests: its keys, its tokens, its key set."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import (
    generate_private_key as generate_rsa_key,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from adapters.jwt.settings import JwtSettings
from adapters.jwt.verifier import JwtVerifier
from tests.fakes import NOON, StoppedClock

NOW: Final = int(NOON.timestamp())
EDWARDS: Final = Ed25519PrivateKey.generate()
CURVE: Final = generate_private_key(SECP256R1())
RSA: Final = generate_rsa_key(65537, 2048)
STRANGER: Final = Ed25519PrivateKey.generate()

Claims = dict[str, object]


def claims(**changes: object) -> Claims:
    """Good claims but for the changes; a claim changed to None is left out."""
    whole: Claims = {
        "iss": "https://issuer.example",
        "aud": "somagent",
        "sub": "ada",
        "tenant": "acme",
        "roles": ["member"],
        "scope": "openid conversation:* tools:execute",
        "exp": NOW + 60,
        "iat": NOW,
    } | changes
    return {name: value for name, value in whole.items() if value is not None}


def token(
    content: Claims | None = None,
    *,
    key: Ed25519PrivateKey = EDWARDS,
    headers: Mapping[str, object] | None = None,
) -> str:
    return jwt.encode(
        content or claims(),
        key,
        algorithm="EdDSA",
        headers=dict(headers if headers is not None else {"kid": "edwards"}),
    )


def key_set(*, edwards: Ed25519PrivateKey = EDWARDS, kid: str = "edwards") -> bytes:
    entries: list[object] = [
        OKPAlgorithm.to_jwk(edwards.public_key(), as_dict=True) | {"kid": kid},
        ECAlgorithm.to_jwk(CURVE.public_key(), as_dict=True) | {"kid": "curve"},
        RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True) | {"kid": "rsa", "alg": "RS256"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "shared", "alg": "HS256"},
        {"kty": "new", "kid": "unknown"},
        "no key",
    ]
    return json.dumps({"keys": entries}).encode()


def by_hand(header: Mapping[str, object], content: Mapping[str, object], signature: str) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in (header, content))
    return ".".join([*(part.decode().rstrip("=") for part in parts), signature])


@dataclass(frozen=True, slots=True)
class Issuer:
    """A key set in a file, and a verifier that reads it."""

    file: Path
    clock: StoppedClock
    verifier: JwtVerifier


def settings_for(keys: str, *, issuer: str = "https://issuer.example") -> JwtSettings:
    return JwtSettings(issuer=issuer, audience="somagent", keys=keys)
