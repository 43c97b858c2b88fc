"""Capsule files as their authors keep them: signed without losing a comment."""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from application.capsule.ports import CapsuleFiles
from application.capsule.verify_capsule import SIGNATURE
from application.kernel.ports import Json
from entrypoints.cli.failure import CommandFailedError

_BLOCK: Final = re.compile(rf"^{SIGNATURE}:.*\n?(?:^(?:[ \t].*|)\n?)*", re.MULTILINE)
"""The signature and the lines indented under it."""


async def signed_text(text: str, signed: Mapping[str, Json], files: CapsuleFiles) -> str:
    """The author's own text with the signature put at its end, in place of an earlier one.

    Where that does not read back as what was signed, as with JSON, the whole is written anew.
    """
    if not text.lstrip().startswith("{"):
        block = files.write({SIGNATURE: signed[SIGNATURE]})
        candidate = f"{_BLOCK.sub('', text).rstrip()}\n\n{block}"
        if await files.read(candidate) == signed:
            return candidate
    return files.write(signed)


def read_text(path: Path) -> str:
    """Raises: CommandFailedError: It cannot be read, or is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise CommandFailedError(f"{path} cannot be read: {why}") from error


def write_text(path: Path, text: str) -> None:
    """Write the file whole or not at all.

    Raises:
        CommandFailedError: It cannot be written.
    """
    unfinished = path.with_name(f"{path.name}.new")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise CommandFailedError(f"{path} cannot be written: {error.strerror}") from error
