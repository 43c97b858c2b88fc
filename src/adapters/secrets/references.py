"""Secrets by reference: `file:NAME` and `env:NAME`."""

import asyncio
import re
from collections.abc import Mapping
from typing import Final, final

from adapters.secrets.errors import SecretReadOnlyError, SecretReferenceError
from adapters.secrets.sealed_file import SealedFile

_REFERENCE: Final = re.compile(r"(file|env):([A-Za-z0-9_.-]{1,128})")


@final
class ReferencedSecrets:
    """Leads a reference to the sealed file, or to the environment that the settings hand in."""

    def __init__(self, sealed: SealedFile, environment: Mapping[str, str]) -> None:
        self._sealed = sealed
        self._environment = environment

    async def get(self, reference: str) -> str | None:
        """The secret; None where there is none.

        Raises:
            SecretStoreError: The reference is none, or the store cannot be used.
        """
        kind, name = _parts(reference)
        if kind == "env":
            return self._environment.get(name)
        return await asyncio.to_thread(self._sealed.get, name)

    async def put(self, reference: str, secret: str) -> None:
        """Keep a secret.

        Raises:
            SecretStoreError: The reference is none or cannot be set, or the store cannot be used.
        """
        kind, name = _parts(reference)
        if kind == "env":
            raise SecretReadOnlyError
        await asyncio.to_thread(self._sealed.put, name, secret)


def _parts(reference: str) -> tuple[str, str]:
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise SecretReferenceError
    return match[1], match[2]
