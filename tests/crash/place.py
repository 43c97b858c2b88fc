"""An address at which servers serve, one after the other, and what is seen of them there."""

import asyncio
import re
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from adapters.failpoints.failpoints import MARK
from adapters.postgres.database import DatabaseSettings
from tests.crash.line import Line
from tests.system.installation import Installation
from tests.system.service import Service, http_status

_DEED: Final = re.compile(rf"^{MARK} (\S+): (\w+)$", re.MULTILINE)


@dataclass(slots=True, kw_only=True)
class Place:
    """Where one server serves at a time: `service` is the latest."""

    index: int
    installation: Installation
    address: str
    http_address: str
    service: Service | None = None


def deeds_in(said: str) -> list[tuple[str, str]]:
    """The points whose orders a server carried out, and what it did there."""
    return [(str(found[1]), str(found[2])) for found in _DEED.finditer(said)]


async def answers(place: Place) -> bool:
    """Whether a server serves there."""
    return await http_status(place.http_address, "/readyz") == 200


async def first(*ways: Coroutine[None, None, object], seconds: float | None = None) -> None:
    """Wait for the first of several things, at most so long."""
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def settings_of_places(
    servers: int,
    lines: Sequence[Line],
    database: DatabaseSettings,
    of_place: Sequence[Mapping[str, object]],
) -> Iterator[Mapping[str, object]]:
    """What the server at each place has for itself."""
    for at in range(servers):
        own = dict(of_place[at]) if at < len(of_place) else {}
        if lines:
            own["database__request__url"] = lines[at].url(database.request_url)
            own["database__writer__url"] = lines[at].url(database.writer_url)
            own["database__statement_seconds"] = 2
        yield own
