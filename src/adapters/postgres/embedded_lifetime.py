"""One service's use of the PostgreSQL it carries: made, started, shared, adopted, stopped."""

import contextlib
import fcntl
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

import psycopg
from psycopg.conninfo import make_conninfo

from adapters.postgres.embedded_account import ServerAccount, binaries, closed_to, server_account
from adapters.postgres.errors import (
    DataFolderUnusableError,
    DataFolderVersionError,
    ServerNotStartedError,
)
from adapters.postgres.roles import REQUEST, WRITER

DATABASE: Final = "somagent"
SUPERUSER: Final = "postgres"

_PORT: Final = 5432
_LONGEST_SOCKET: Final = 100
_START_SECONDS: Final = 600.0
_LEFTOVER_SECONDS: Final = 30.0
_NO_SPACE: Final = "No space left on device"
_CLOSED: Final = "Permission denied"
_LEAST_SPACE: Final = 2**21
_LEFTOVERS: Final = ("is still in use", "lock file", "pre-existing shared memory")

_SETTINGS: Final = {
    "listen_addresses": "",
    "port": str(_PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "300",
    "shared_buffers": "128MB",
    "effective_cache_size": "512MB",
    "max_wal_size": "1GB",
    "min_wal_size": "128MB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_filename": "postgresql-%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_error_verbosity": "terse",
    "random_page_cost": "1.1",
}
"""No statement and no parameter is logged: they hold what users say."""


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A running server, reached through a socket that only its user and ours may open."""

    socket_folder: Path

    def url(self, user: str, database: str = DATABASE) -> str:
        """How to connect, in libpq's words."""
        return make_conninfo(host=str(self.socket_folder), port=_PORT, user=user, dbname=database)

    @property
    def owner_url(self) -> str:
        return self.url(SUPERUSER)

    @property
    def request_url(self) -> str:
        return self.url(REQUEST)

    @property
    def writer_url(self) -> str:
        return self.url(WRITER)


class Lifetime:
    """One service's use of a server. Blocking: every method is called in a thread."""

    def __init__(self, folder: Path, *, runtime: Path | None, durable: bool) -> None:
        self._folder = folder.absolute()
        self._runtime = runtime
        self._data = self._folder / "data"
        self._account = server_account(self._folder)
        self._account.owns(self._folder)
        self._programs = binaries(self._account, self._folder)
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._use: IO[bytes] | None = None

    def begin(self) -> EmbeddedServer:
        with self._deciding():
            self._use = (self._folder / "users.lock").open("ab")
            fcntl.flock(self._use, fcntl.LOCK_SH)
            self._refuse_other_version()
            server = self._adopt()
            if server is None:
                self._make()
                server = self._start()
            self._make_database(server)
            return server

    def revive(self) -> None:
        """Start the server again if it has died; a failure is tried again the next time."""
        if self._alive():
            return
        with self._deciding(), contextlib.suppress(ServerNotStartedError):
            # Whoever has left meanwhile would leave behind what it started.
            if self._use is not None and self._adopt() is None:
                self._start()

    def end(self) -> None:
        """Leave; the last to leave stops the server."""
        if self._use is None:
            return
        with self._deciding():
            try:
                fcntl.flock(self._use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self._process is not None:
                    # Others use it: it outlives us, and is no child that we forgot to end.
                    self._process.returncode = 0
                return
            finally:
                self._use.close()
                self._use = None
            self._account.run(
                [self._programs / "pg_ctl", "stop", "-D", self._data, "-m", "fast", "-t", "60"],
                self._folder,
            )
            if self._process is not None:
                self._process.wait()

    @contextlib.contextmanager
    def _deciding(self) -> Generator[None]:
        with (self._folder / "start.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _alive(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        pid = self._postmaster()[:1]
        return bool(pid) and Path("/proc", pid[0]).exists()

    def _postmaster(self) -> list[str]:
        """The lines of the server's own file: pid, data, start, port, socket folder, …, status."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []
        return [line.strip() for line in lines]

    def _adopt(self) -> EmbeddedServer | None:
        lines = self._postmaster()
        ready = 8
        if len(lines) < ready:
            return None
        server = EmbeddedServer(Path(lines[4]))
        try:
            with psycopg.connect(server.url(SUPERUSER, "postgres"), connect_timeout=5) as probe:
                row = probe.execute("show data_directory").fetchone()
        except psycopg.OperationalError:
            return None
        return server if row == (str(self._data),) else None

    def _refuse_other_version(self) -> None:
        try:
            found = (self._data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            return
        told = self._account.run([self._programs / "postgres", "--version"], self._folder).stdout
        carried = told.split()[-1].partition(".")[0]
        if found != carried:
            raise DataFolderVersionError(str(self._data), found, carried)

    def _make(self) -> None:
        """Make the data once: under another name, so that a half-made one is never used."""
        if self._data.exists():
            return
        unfinished = self._folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        made = self._account.run(
            [
                self._programs / "initdb",
                "-D",
                unfinished,
                "-U",
                SUPERUSER,
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--locale=C.UTF-8",
                "--data-checksums",
                "--auth-local=peer",
                "--auth-host=reject",
                "--no-instructions",
                *([] if self._durable else ["--no-sync"]),
            ],
            self._folder,
        )
        if made.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise DataFolderUnusableError(str(self._folder), self._cause(made.stderr))
        unfinished.rename(self._data)

    def _start(self) -> EmbeddedServer:
        sockets, log = self._socket_folder(), self._folder / "start.log"
        self._admit()
        settings = {
            **_SETTINGS,
            "unix_socket_directories": str(sockets),
            "log_directory": str(self._folder / "log"),
            **({} if self._durable else {"fsync": "off", "full_page_writes": "off"}),
        }
        command: list[str | Path] = [self._programs / "postgres", "-D", self._data]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        deadline, leftovers = (time.monotonic() + s for s in (_START_SECONDS, _LEFTOVER_SECONDS))
        while True:
            self._process = self._account.start(command, self._folder, log)
            while self._process.poll() is None and time.monotonic() < deadline:
                if self._postmaster()[7:] == ["ready"] and (server := self._adopt()):
                    return server
                time.sleep(0.02)
            told = log.read_text(errors="replace")
            # Children of a server that was killed hold its memory until they notice.
            if any(sign in told for sign in _LEFTOVERS) and time.monotonic() < leftovers:
                time.sleep(0.2)
                continue
            self._process.terminate()
            raise ServerNotStartedError(self._cause(told), str(self._folder / "log"))

    def _cause(self, told: str) -> str:
        """What a person should know of why a program failed, given what it said."""
        if _NO_SPACE in told or shutil.disk_usage(self._folder).free < _LEAST_SPACE:
            return "the disk is full: free some space and start again"
        if _CLOSED in told:
            return closed_to(self._account.name)
        lines = [line for line in told.splitlines() if line.strip()]
        return " / ".join(lines[-3:]) or "it said nothing"

    def _admit(self) -> None:
        """Who runs us, and the server's own user, are the logins; nobody else gets in."""
        users = {self._account.name, pwd.getpwuid(os.geteuid()).pw_name}
        lines = [
            f'service "{user}" {role}'
            for user in sorted(users)
            for role in (SUPERUSER, REQUEST, WRITER)
        ]
        for name, content in {
            "pg_hba.conf": "local all all peer map=service\n",
            "pg_ident.conf": "\n".join(lines) + "\n",
        }.items():
            try:
                (self._data / name).write_text(content)
            except OSError as error:
                raise DataFolderUnusableError(str(self._data), error.strerror or "") from error

    def _socket_folder(self) -> Path:
        """Beside the data; where that name is too long for a socket, in a folder for what runs."""
        wanted = self._folder / "socket"
        if len(os.fsencode(wanted / f".s.PGSQL.{_PORT}")) > _LONGEST_SOCKET:
            name = sha256(os.fsencode(self._folder)).hexdigest()[:16]
            runtime = self._runtime or Path(tempfile.gettempdir())
            wanted = runtime / f"somagent-{os.geteuid()}-{name}"
            _refuse_foreign(wanted, self._account)
        self._account.owns(wanted)
        return wanted

    def _make_database(self, server: EmbeddedServer) -> None:
        with psycopg.connect(server.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            if not connection.execute(
                "select from pg_database where datname = %s", (DATABASE,)
            ).fetchall():
                connection.execute(f"create database {DATABASE}")


def _refuse_foreign(folder: Path, account: ServerAccount) -> None:
    """A folder under a place where all may write could have been put there by somebody else."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), account.uid}:
        raise DataFolderUnusableError(str(folder), "it belongs to somebody else: remove it")
