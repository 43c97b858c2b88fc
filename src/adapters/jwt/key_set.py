"""An issuer's public keys, kept for a while and read anew when one is missing."""

import asyncio
from collections.abc import Mapping
from typing import Final, cast, final

import orjson
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from adapters.jwt.key_source import KeySource, KeySourceError, read_keys
from adapters.jwt.settings import JwtSettings
from application.kernel.ports import Clock
from domain.identity.errors import IssuerUnavailableError

MOST_KEYS: Final = 64


@final
class KeySet:
    """Public keys by `kid`. Tokens that name unknown ones cannot make it read more often."""

    def __init__(self, settings: JwtSettings, source: KeySource, clock: Clock) -> None:
        self._settings = settings
        self._source = source
        self._clock = clock
        self._keys: Mapping[str, PyJWK] = {}
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self._reading = asyncio.Lock()

    async def key(self, kid: str | None) -> PyJWK | None:
        """The key of this name, the only one where none is named; None when there is none.

        Raises:
            IssuerUnavailableError: No key set was read lately enough.
        """
        fresh = self._age() <= self._settings.keys_seconds
        # Who has a key that still serves does not wait for somebody else's reading.
        if not self._has(kid) or not (fresh or self._reading.locked()):
            await self._read(kid)
        if self._age() > self._settings.stale_seconds:
            raise IssuerUnavailableError
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)

    def _age(self) -> float:
        return float("inf") if self._read_at is None else self._clock.monotonic() - self._read_at

    def _has(self, kid: str | None) -> bool:
        return kid in self._keys if kid is not None else bool(self._keys)

    async def _read(self, kid: str | None) -> None:
        async with self._reading:
            fresh = self._age() <= self._settings.keys_seconds
            if (fresh and self._has(kid)) or not self._may_try():
                return
            self._tried_at = self._clock.monotonic()
            try:
                self._keys = keys_in(await read_keys(self._source), self._settings.algorithms)
            except KeySourceError:
                return
            self._read_at = self._tried_at

    def _may_try(self) -> bool:
        if self._tried_at is None:
            return True
        return self._clock.monotonic() - self._tried_at >= self._settings.retry_seconds


def keys_in(content: bytes, algorithms: frozenset[str]) -> Mapping[str, PyJWK]:
    """The usable public keys of a JWKS; others are passed over, as RFC 7517 asks.

    Raises:
        KeySourceError: It is not a JWKS, or has no usable key.
    """
    try:
        document = cast("object", orjson.loads(content))
    except orjson.JSONDecodeError as error:
        raise KeySourceError("the key set is not JSON") from error
    entries: object = None
    if isinstance(document, dict):
        entries = cast("dict[str, object]", document).get("keys")
    if not isinstance(entries, list):
        raise KeySourceError("the key set has no keys")
    found: dict[str, PyJWK] = {}
    for entry in cast("list[object]", entries)[:MOST_KEYS]:
        key = _key(entry, algorithms)
        if key is not None:
            found[key.key_id or ""] = key
    if not found:
        raise KeySourceError("the key set has no key that can be used")
    return found


def _key(entry: object, algorithms: frozenset[str]) -> PyJWK | None:
    if not isinstance(entry, dict):
        return None
    fields = cast("dict[str, object]", entry)
    # A symmetric key in a public document is a mistake; whoever reads it could sign.
    if fields.get("kty") == "oct" or fields.get("use", "sig") != "sig":
        return None
    try:
        key = PyJWK(fields)
    except (PyJWTError, ValueError, TypeError):
        return None
    return key if key.algorithm_name in algorithms else None
