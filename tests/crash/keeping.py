"""What is written down of a run that failed, for whoever looks into it."""

import subprocess
import tempfile
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from pathlib import Path
from shutil import copytree
from typing import Final, cast

import orjson
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from adapters.postgres.embedded_account import binaries, server_account
from tests.crash.evidence import Evidence
from tests.crash.topics import Topics
from tests.system.client import Client

DUMP_SECONDS: Final = 120.0
"""A database that is away or stands still is not waited for any longer."""

_HOW: Final = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS


def new_folder() -> Path:
    """Where PostgreSQL may go as well, which for root runs as another user."""
    folder = Path(tempfile.mkdtemp(prefix="somagent-crash-"))
    folder.chmod(0o755)
    return folder


def write_evidence(folder: Path, seed: int, runs: Sequence[Evidence]) -> None:
    """A file for each run: what clients were told, what tools did, what lay in the topics."""
    (folder / "seed.txt").write_text(f"{seed}\n")
    for number, evidence in enumerate(runs, 1):
        written = orjson.dumps(evidence, default=_plain, option=_HOW)
        (folder / f"evidence-{number}.json").write_bytes(written)


def dump_database(postgres: Path, url: str, into: Path) -> None:
    """As much of the database as it gives; what it says of the rest stands beside it."""
    program = binaries(server_account(postgres), postgres) / "pg_dump"
    with (into / "database.sql").open("wb") as output, (into / "dump.log").open("wb") as said:
        try:
            subprocess.run(  # noqa: S603 - our own program
                [program, url], stdout=output, stderr=said, check=False, timeout=DUMP_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as why:
            said.write(f"{why!r}\n".encode())


def copy_logs(folder: Path, into: Path) -> None:
    """What servers and database have said, out of a folder that will not stay."""
    for part in (Path("installation"), Path("postgres", "log")):
        if (folder / part).is_dir():
            copytree(folder / part, into / part)


def _plain(one: object) -> object:
    """What JSON has for a thing; what it has nothing for is described, and loses no run."""
    if isinstance(one, Message):
        return MessageToDict(one, preserving_proto_field_name=True)
    if isinstance(one, set | frozenset):
        return sorted(map(str, cast("AbstractSet[object]", one)))
    if is_dataclass(one) and not isinstance(one, Client | Topics | type):
        return {each.name: getattr(one, each.name) for each in fields(one)}
    return one.decode(errors="replace") if isinstance(one, bytes) else repr(one)
