"""Secrets in one file of this machine, each sealed by ChaCha20-Poly1305."""

import fcntl
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from stat import S_IMODE, S_ISREG
from typing import Final, cast, final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from adapters.secrets.errors import (
    SecretDamagedError,
    SecretFolderError,
    SecretKeyMissingError,
    SecretTooLargeError,
)

LARGEST: Final = 64 * 1024
"""Bytes of one secret."""

_FORM: Final = 1
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_PURPOSE: Final = b"somagent.secret.v1\x00"
_OTHERS: Final = 0o077
_LARGEST_FILE: Final = 64 << 20


@final
class SealedFile:
    """A folder with `secrets.key` (32 random bytes, for its owner alone) and `secrets.sealed`.

    Every secret is sealed by itself under a fresh nonce, bound to its name. The file is replaced as
    a whole, so that a crash leaves the old one or the new one; writers wait for each other. It
    keeps secrets out of backups and copies of the sealed file; whoever can read the key as well has
    them. All methods block.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key_path = folder / "secrets.key"
        self._sealed_path = folder / "secrets.sealed"
        self._lock_path = folder / "secrets.lock"

    def get(self, name: str) -> str | None:
        """The secret of a name.

        Raises:
            SecretStoreError: The files cannot be read, or were damaged.
        """
        with _telling(self._folder):
            entry = self._entries().get(name)
            return None if entry is None else self._open(name, entry)

    def put(self, name: str, secret: str) -> None:
        """Keep a secret; when this returns it survives a crash.

        Raises:
            SecretStoreError: The files cannot be read or written, or were damaged.
        """
        content = secret.encode()
        if len(content) > LARGEST:
            raise SecretTooLargeError(LARGEST)
        with _telling(self._folder), self._locked():
            entries = dict(self._entries())
            key = self._key() or self._new_key()
            nonce = os.urandom(_NONCE_BYTES)
            sealed = ChaCha20Poly1305(key).encrypt(nonce, content, _bound_to(name))
            entries[name] = (nonce + sealed).hex()
            _replace(self._sealed_path, orjson.dumps({"form": _FORM, "secrets": entries}))

    def _entries(self) -> Mapping[str, str]:
        try:
            content = _read_own(self._sealed_path, _LARGEST_FILE)
        except FileNotFoundError:
            return {}
        try:
            document = cast("object", orjson.loads(content))
        except orjson.JSONDecodeError:
            raise SecretDamagedError(self._sealed_path) from None
        if not isinstance(document, dict):
            raise SecretDamagedError(self._sealed_path)
        fields = cast("dict[str, object]", document)
        entries = fields.get("secrets")
        if fields.get("form") != _FORM or not isinstance(entries, dict):
            raise SecretDamagedError(self._sealed_path)
        return cast("dict[str, str]", entries)

    def _open(self, name: str, entry: str) -> str:
        key = self._key()
        if key is None:
            raise SecretKeyMissingError(self._key_path)
        try:
            content = bytes.fromhex(entry)
            opened = ChaCha20Poly1305(key).decrypt(
                content[:_NONCE_BYTES], content[_NONCE_BYTES:], _bound_to(name)
            )
            return opened.decode()
        except (InvalidTag, ValueError, TypeError):
            raise SecretDamagedError(self._sealed_path) from None

    def _key(self) -> bytes | None:
        try:
            key = _read_own(self._key_path, _KEY_BYTES)
        except FileNotFoundError:
            return None
        if len(key) != _KEY_BYTES:
            raise SecretDamagedError(self._key_path)
        return key

    def _new_key(self) -> bytes:
        if self._sealed_path.exists():
            raise SecretKeyMissingError(self._key_path)
        key = os.urandom(_KEY_BYTES)
        _replace(self._key_path, key)
        return key

    @contextmanager
    def _locked(self) -> Generator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_own(self._folder, self._folder.stat())
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _bound_to(name: str) -> bytes:
    return _PURPOSE + name.encode()


def _read_own(path: Path, largest: int) -> bytes:
    """A regular file of ours that nobody else may touch."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not S_ISREG(status.st_mode):
            raise SecretFolderError(path, "it is no regular file")
        _check_own(path, status)
        content = file.read(largest + 1)
    if len(content) > largest:
        raise SecretDamagedError(path)
    return content


def _check_own(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise SecretFolderError(path, "it belongs to another user")
    if status.st_mode & _OTHERS:
        mode = f"{S_IMODE(status.st_mode):o}"
        raise SecretFolderError(path, f"others may use it (mode {mode}): chmod go= {path}")


def _replace(path: Path, content: bytes) -> None:
    """Write a file as a whole, durably, readable by its owner alone. Under the lock."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _telling(folder: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise SecretFolderError(folder, error.strerror or type(error).__name__) from error
