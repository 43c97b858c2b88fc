"""Verifies bearer tokens (JWT, RFC 7519) of one issuer."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, cast, final

import jwt

from adapters.jwt.key_set import KeySet
from adapters.jwt.key_source import key_source
from adapters.jwt.settings import JwtSettings
from application.identity.ports import VerifiedToken
from application.kernel.ports import Clock, DurableClock
from domain.identity.errors import CredentialExpiredError, CredentialRefusedError

MOST_WORDS: Final = 256
LONGEST_NAME: Final = 200

_BROKEN: Final = (ValueError, TypeError, OverflowError, RecursionError)
"""What hostile JSON makes a decoder raise, beside its own errors."""


@final
class JwtVerifier:
    """Signature by the issuer's keys, then issuer, audience and times, then the claims."""

    def __init__(self, settings: JwtSettings, clock: Clock, times: DurableClock) -> None:
        """Nothing is read before the first token; `times` is what a token's times are held against.

        Raises:
            JwtSettingsError: The key set is where keys are not taken from.
        """
        self._settings = settings
        self._keys = KeySet(settings, key_source(settings), clock)
        self._times = times

    async def verify(self, token: str) -> VerifiedToken:
        kid = self._kid_of(token)
        key = await self._keys.key(kid)
        if key is None:
            raise CredentialRefusedError
        claims = self._claims_of(token, key)
        now = await self._times.now()
        self._check_begun(claims, now)
        return VerifiedToken(
            subject=_name(claims.get("sub")),
            tenant=_name(claims.get(self._settings.tenant_claim)),
            roles=frozenset(_words(claims.get(self._settings.roles_claim))),
            scopes=frozenset(
                word
                for claim in self._settings.scope_claims
                for word in _words(claims.get(claim))
                if ":" in word
            ),
            seconds=self._seconds_left(claims, now),
        )

    def _kid_of(self, token: str) -> str | None:
        try:
            header = cast("Mapping[str, object]", jwt.get_unverified_header(token))
        except (jwt.PyJWTError, *_BROKEN):
            raise CredentialRefusedError from None
        kid, algorithm = header.get("kid"), header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in self._settings.algorithms:
            raise CredentialRefusedError
        if kid is not None and not isinstance(kid, str):
            raise CredentialRefusedError
        return kid

    def _claims_of(self, token: str, key: jwt.PyJWK) -> Mapping[str, object]:
        try:
            claims = jwt.decode(
                token,
                key=key,
                # The key's own algorithm: the token has no say in how it is verified.
                algorithms=[key.algorithm_name],
                audience=self._settings.audience,
                issuer=self._settings.issuer,
                # Times are compared with the database's, by the caller.
                options={
                    "require": ["exp", "iss", "aud", "sub"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, *_BROKEN):
            raise CredentialRefusedError from None
        return cast("Mapping[str, object]", claims)

    def _check_begun(self, claims: Mapping[str, object], now: datetime) -> None:
        latest = now + timedelta(seconds=self._settings.leeway_seconds)
        for claim in ("nbf", "iat"):
            if claim in claims and _moment(claims[claim]) > latest:
                raise CredentialRefusedError

    def _seconds_left(self, claims: Mapping[str, object], now: datetime) -> float:
        end = _moment(claims["exp"], plus=self._settings.leeway_seconds)
        if now >= end:
            raise CredentialExpiredError
        return (end - now).total_seconds()


def _moment(claim: object, *, plus: float = 0.0) -> datetime:
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        raise CredentialRefusedError
    try:
        return datetime.fromtimestamp(claim + plus, UTC)
    except (*_BROKEN, OSError):
        raise CredentialRefusedError from None


def _name(claim: object) -> str:
    if not isinstance(claim, str) or not 0 < len(claim) <= LONGEST_NAME or not claim.isprintable():
        raise CredentialRefusedError
    return claim


def _words(claim: object) -> Iterable[str]:
    """The words of a list, or of a text with spaces between them."""
    if claim is None:
        return ()
    parts = claim.split() if isinstance(claim, str) else claim
    if not isinstance(parts, list):
        raise CredentialRefusedError
    words = cast("list[object]", parts)
    if len(words) > MOST_WORDS:
        raise CredentialRefusedError
    return [_name(word) for word in words]
