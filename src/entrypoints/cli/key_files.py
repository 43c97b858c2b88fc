"""Ed25519 keys in files: 64 hexadecimal digits, a private one for its owner alone."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from entrypoints.assembly.offline import public_key_of
from entrypoints.cli.failure import CommandFailedError, ExitCode

_KEY: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


def public_keys_of(given: Sequence[str], known: Sequence[str]) -> list[bytes]:
    """The 32 bytes of each key given, as digits or as a file; of those known where none is.

    Raises:
        CommandFailedError: There is none, or one of them cannot be read.
    """
    keys = [_key_in(key) for key in given] or list(known)
    if not keys:
        raise CommandFailedError(
            "no public key is known here",
            "name one with --public-key: whoever runs the server publishes it",
            code=ExitCode.USAGE,
        )
    try:
        return [public_key_of(key)[1] for key in keys]
    except ValueError as error:
        raise CommandFailedError(
            "what --public-key names is no Ed25519 public key",
            "a private key, perhaps? The public one is in the file that ends in .pub",
            code=ExitCode.USAGE,
        ) from error


def read_key(path: Path) -> str:
    """The digits in a key file.

    Raises:
        CommandFailedError: It cannot be read, or holds no key.
    """
    try:
        text = path.read_text(encoding="ascii").strip().lower()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise CommandFailedError(f"{path} cannot be read: {why}") from error
    if not _KEY.fullmatch(text):
        raise CommandFailedError(
            f"{path} holds no Ed25519 key",
            "a key file is 64 hexadecimal digits; `somagent capsule keygen` makes one",
        )
    return text


def write_pair(stem: Path, private: str, public: str) -> tuple[Path, Path]:
    """Write STEM.key (0600) and STEM.pub. Files that are there are never overwritten.

    Raises:
        CommandFailedError: One of them is there, or cannot be written.
    """
    paths = Path(f"{stem}.key"), Path(f"{stem}.pub")
    for path, content, mode in zip(paths, (private, public), (0o600, 0o644), strict=True):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError as error:
            raise CommandFailedError(
                f"{path} is there already", "choose another name: a lost key cannot be had back"
            ) from error
        except OSError as error:
            raise CommandFailedError(f"{path} cannot be written: {error.strerror}") from error
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{content}\n")
    return paths


def _key_in(given: str) -> str:
    return given.lower() if _KEY.fullmatch(given.lower()) else read_key(Path(given))
