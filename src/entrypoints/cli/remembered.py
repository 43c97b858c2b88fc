"""What the command line remembers between calls: the server, the key and the names last used."""

import contextlib
import os
from pathlib import Path
from typing import Final

import msgspec
from platformdirs import user_state_path

from entrypoints.cli.failure import CommandFailedError

ADDRESS: Final = "127.0.0.1:50051"


class Remembered(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The demo writes it, so that the commands after it need no options.

    `operator_key` makes tenants and keys; the service on this machine gave it to its owner.

    `receipt_keys` are the public keys that sign receipts there, 64 hexadecimal digits each.
    """

    address: str = ADDRESS
    key: str = ""
    operator_key: str = ""
    tenant: str = ""
    capsule: str = ""
    session: str = ""
    turn: str = ""
    receipt_keys: tuple[str, ...] = ()


def memory_path() -> Path:
    """The file; for its owner alone, since a key is in it."""
    return user_state_path("somagent") / "client.json"


def recall(path: Path) -> Remembered:
    """What was remembered; nothing where there is no file.

    Raises:
        CommandFailedError: The file is there and cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Remembered)
    except FileNotFoundError:
        return Remembered()
    except (OSError, msgspec.DecodeError) as error:
        raise CommandFailedError(
            f"{path} cannot be read: {error}", "remove it: `make run` writes it anew"
        ) from error


def remember(path: Path, remembered: Remembered) -> None:
    """Write the file whole or not at all.

    Raises:
        CommandFailedError: It cannot be written.
    """
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(remembered)) + b"\n")
        unfinished.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise CommandFailedError(
            f"{path} cannot be written: {error.strerror}", "see that its folder is yours"
        ) from error
