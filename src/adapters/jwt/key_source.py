"""Reads an issuer's key set from a file or a URL."""

import asyncio
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from time import monotonic
from typing import Final
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    Request,
)

from adapters.jwt.settings import JwtSettings, JwtSettingsError

LARGEST: Final = 1 << 20
"""Bytes of a key set; more is not read."""

_CHUNK: Final = 1 << 16
_FOUND: Final = 200


class KeySourceError(Exception):
    """The key set cannot be read now."""


KeySource = Callable[[], bytes]
"""Reads the key set; blocks. Raises `KeySourceError`."""


def key_source(settings: JwtSettings) -> KeySource:
    """Where the settings say that the keys are.

    Raises:
        JwtSettingsError: The URL is one that keys are not taken from.
    """
    if "://" not in settings.keys:
        path = Path(settings.keys)
        return lambda: _from_file(path)
    _check_url(settings.keys)
    return lambda: _from_url(settings.keys, settings.fetch_seconds)


async def read_keys(source: KeySource) -> bytes:
    """Read without holding up the event loop."""
    return await asyncio.to_thread(source)


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and _is_loopback(parts.hostname or ""):
        return
    raise JwtSettingsError("keys come from an https URL, over http on loopback alone, or a file")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _from_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return _checked(file.read(LARGEST + 1))
    except OSError as error:
        raise KeySourceError(f"the key set cannot be read: {error.strerror}") from error


def _from_url(url: str, seconds: float) -> bytes:
    until = monotonic() + seconds
    request = Request(url, headers={"accept": "application/json"})  # noqa: S310 - the scheme was checked when the source was made
    read = bytearray()
    try:
        with _opener().open(request, timeout=seconds) as response:
            if response.status != _FOUND:
                raise KeySourceError(f"the key set's server answers {response.status}")
            while chunk := response.read1(_CHUNK):
                read += chunk
                if len(read) > LARGEST or monotonic() > until:
                    break
    except (URLError, OSError, ValueError) as error:
        raise KeySourceError(f"the key set cannot be fetched: {type(error).__name__}") from error
    if monotonic() > until:
        raise KeySourceError("the key set's server is too slow")
    return _checked(bytes(read))


def _opener() -> OpenerDirector:
    """One that follows no redirect: it could lead anywhere, a cloud's metadata service included."""
    opener = OpenerDirector()
    for part in (HTTPHandler, HTTPSHandler, HTTPErrorProcessor, HTTPDefaultErrorHandler):
        opener.add_handler(part())
    return opener


def _checked(content: bytes) -> bytes:
    if len(content) > LARGEST:
        raise KeySourceError(f"the key set is larger than {LARGEST} bytes")
    return content
