"""Secrets by reference: `secret:NAME`, in a mounted folder or the sealed file."""

import asyncio
import re
from pathlib import Path
from typing import Final, final

from adapters.secrets.errors import (
    SecretDamagedError,
    SecretFolderError,
    SecretReferenceError,
)
from adapters.secrets.sealed_file import LARGEST, SealedFile

_REFERENCE: Final = re.compile(r"secret:([A-Za-z0-9_-][A-Za-z0-9_.-]{0,127})")


@final
class ReferencedSecrets:
    """A mounted folder (one file a secret, as containers have them) goes before the sealed file.

    What is put goes into the sealed file. A file's last line break is not part of the secret.
    """

    def __init__(self, store: Path, mounted: Path) -> None:
        self._sealed = SealedFile(store)
        self._mounted = mounted

    async def get(self, reference: str) -> str | None:
        """The secret; None where there is none.

        Raises:
            SecretStoreError: The reference is none, or the store cannot be used.
        """
        return await asyncio.to_thread(self._get, _name_of(reference))

    async def put(self, reference: str, secret: str) -> None:
        """Keep a secret.

        Raises:
            SecretStoreError: The reference is none, or the store cannot be used.
        """
        await asyncio.to_thread(self._sealed.put, _name_of(reference), secret)

    def _get(self, name: str) -> str | None:
        path = self._mounted / name
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST + 1)
        except (FileNotFoundError, NotADirectoryError):
            return self._sealed.get(name)
        except OSError as error:
            raise SecretFolderError(path, error.strerror or type(error).__name__) from error
        if len(content) > LARGEST:
            raise SecretFolderError(path, f"it has more than {LARGEST} bytes")
        try:
            return content.decode().removesuffix("\n")
        except UnicodeDecodeError:
            raise SecretDamagedError(path) from None


def _name_of(reference: str) -> str:
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise SecretReferenceError
    return match[1]
