"""The three kinds of commands that travel in batches: their statements, parameters and answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import UUID

from adapters.postgres.command_rows import InvocationObject, Lines, Row, at_index
from adapters.postgres.link import Call
from adapters.postgres.outgoing import EVENT
from adapters.postgres.packing import (
    Packer,
    Parameter,
    blobs,
    bools,
    columns,
    elements,
    floats,
    int2s,
    int4s,
    int8,
    int8s,
    integer,
    integers,
    interval,
    lines,
    texts,
    uuids,
)
from adapters.postgres.turn_codec import encode

if TYPE_CHECKING:
    from psycopg.pq.abc import PGresult


class Outcome(IntEnum):
    """What the database functions answer of each command; the numbers are theirs."""

    DONE = 0
    QUEUED = 1
    EARLIER = 2
    KEY_REUSED = 3
    OVER_LIMIT = 4
    SESSION_BUSY = 5
    STALE_FENCE = 6
    NOT_FOUND = 7
    AGAIN = 8
    MOVED = 9


@dataclass(frozen=True, slots=True)
class Answer:
    """`refused_hold` counts from 0. `turn` is the earlier one (accept) or the promoted one."""

    outcome: Outcome
    lease_ms: int = 0
    refused_hold: int | None = None
    remaining: int | None = None
    turn: UUID | None = None
    owner: UUID | None = None


@dataclass(slots=True, eq=False)
class Job:
    """One command: its row, and what hangs on it. Not frozen, for that costs more than the rest.

    `undecided` are the events that are published where a call still waits, each with the call.
    """

    kind: str
    tenant: bytes
    turn: bytes
    row: Row
    holds: Lines = ()
    uses: Lines = ()
    events: Lines = ()
    invocations: Sequence[InvocationObject] = ()
    undecided: Lines = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every command of a server."""

    server: UUID
    lease_seconds: float
    ceiling: int


HOLD: Final[tuple[Packer, ...]] = (uuids, int2s, int8s, bools)
_USE: Final[tuple[Packer, ...]] = (int2s, int8s, int4s)
_ACCEPT: Final[tuple[Packer, ...]] = (
    *(uuids, uuids, texts, blobs, uuids, uuids, uuids, texts, blobs, floats, int8s),
    *EVENT,
)
_EXTEND: Final[tuple[Packer, ...]] = (uuids, uuids, int8s, int4s, blobs)
_FINISH: Final[tuple[Packer, ...]] = (
    *(uuids, uuids, int8s, int2s, uuids, texts, blobs, blobs, int8s, int8s, blobs),
    *(uuids, blobs, blobs),
)


def _accept(jobs: Sequence[Job], terms: Terms) -> list[Parameter]:
    return [
        terms.server.bytes,
        interval(terms.lease_seconds),
        int8(terms.ceiling),
        *columns([job.row for job in jobs], _ACCEPT),
        *lines((job.holds for job in jobs), HOLD),
    ]


def _extend(jobs: Sequence[Job], terms: Terms) -> list[Parameter]:
    return [
        interval(terms.lease_seconds),
        *columns([job.row for job in jobs], _EXTEND),
        *lines((job.holds for job in jobs), HOLD),
        _calls(jobs),
    ]


def _finish(jobs: Sequence[Job], terms: Terms) -> list[Parameter]:
    return [
        interval(terms.lease_seconds),
        *columns([job.row for job in jobs], _FINISH),
        *lines((job.uses for job in jobs), _USE),
        *lines((job.events for job in jobs), EVENT),
        _calls(jobs),
        *_undecided(jobs),
    ]


def _calls(jobs: Sequence[Job]) -> Parameter:
    return at_index([job.invocations for job in jobs], _json)


def _undecided(jobs: Sequence[Job]) -> list[Parameter]:
    """Events and their calls; nothing in nearly every batch."""
    pairs = [pair for job in jobs for pair in job.undecided]
    return columns(pairs, (uuids, uuids)) if pairs else [None, None]


def _json(value: object) -> bytes:
    return encode("invocations", value)


def _read_accepts(jobs: Sequence[Job], result: "PGresult") -> list[Answer]:
    outcomes, refused, remaining, earlier, lease = (result.get_value(0, n) for n in range(5))
    lease_ms = integer(lease or b"")
    if outcomes is None:
        return [Answer(Outcome.DONE, lease_ms)] * len(jobs)
    turns = elements(earlier)
    return [
        Answer(outcome, lease_ms, hold, left, _uuid(turns[place]))
        for place, (outcome, hold, left) in enumerate(_grants(jobs, outcomes, refused, remaining))
    ]


def _read_extends(jobs: Sequence[Job], result: "PGresult") -> list[Answer]:
    outcomes, refused, remaining, leases, lease = (result.get_value(0, n) for n in range(5))
    lease_ms = integer(lease or b"")
    if outcomes is None:
        return [Answer(Outcome.DONE, lease_ms)] * len(jobs)
    own = integers(leases)
    return [
        Answer(outcome, lease_ms if (left_ms := own[place]) is None else left_ms, hold, left)
        for place, (outcome, hold, left) in enumerate(_grants(jobs, outcomes, refused, remaining))
    ]


def _grants(
    jobs: Sequence[Job], outcomes: bytes, refused: bytes | None, remaining: bytes | None
) -> list[tuple[Outcome, int | None, int | None]]:
    """Each command's outcome, which of its own holds was refused, and what was left there."""
    found: list[tuple[Outcome, int | None, int | None]] = []
    first = 1
    holds, rests = integers(refused), integers(remaining)
    for place, outcome in enumerate(integers(outcomes)):
        hold = holds[place]
        own = None if hold is None else hold - first
        found.append((Outcome(outcome or 0), own, rests[place]))
        first += len(jobs[place].holds)
    return found


def _read_finishes(jobs: Sequence[Job], result: "PGresult") -> list[Answer]:
    outcomes, promoted, owners = (result.get_value(0, n) for n in range(3))
    if outcomes is None and promoted is None:
        return [Answer(Outcome.DONE)] * len(jobs)
    nothing: list[bytes | None] = [None] * len(jobs)
    turns, servers = elements(promoted) or nothing, elements(owners) or nothing
    found = integers(outcomes) or [0] * len(jobs)
    return [
        Answer(Outcome(found[place] or 0), turn=_uuid(turns[place]), owner=_uuid(servers[place]))
        for place in range(len(jobs))
    ]


def _uuid(value: bytes | None) -> UUID | None:
    return None if value is None else UUID(bytes=value)


@dataclass(frozen=True, slots=True)
class _Kind:
    """`arguments` is how many parameters follow the tenants."""

    function: str
    arguments: int
    parameters: Callable[[Sequence[Job], Terms], list[Parameter]]
    read: "Callable[[Sequence[Job], PGresult], list[Answer]]"


ACCEPT: Final = "accept"
EXTEND: Final = "extend"
FINISH: Final = "finish"

_KINDS: Final = MappingProxyType(
    {
        # In the order in which they are done: finishes first, they free budget and places.
        FINISH: _Kind("finish_batch", 1 + 14 + 4 + 7 + 1 + 2, _finish, _read_finishes),
        EXTEND: _Kind("extend_batch", 1 + 5 + 5 + 1, _extend, _read_extends),
        ACCEPT: _Kind("accept_batch", 3 + 17 + 5, _accept, _read_accepts),
    }
)


def _statement(kind: _Kind, tenants: str, first: int) -> str:
    numbers = ", ".join(f"${number}" for number in range(first, first + kind.arguments))
    return f"select * from {kind.function}({tenants}, {numbers})"  # noqa: S608  all constants


STATEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # The first statement of a transaction locks the tenants, as the argument of its function;
        # those that follow are given what it has locked.
        **{
            f"{name}_locking": _statement(kind, "lock_tenants($1, $2)", 3)
            for name, kind in _KINDS.items()
        },
        **{
            f"{name}_locked": _statement(kind, "current_setting('app.tenants')::uuid[]", 1)
            for name, kind in _KINDS.items()
        },
    }
)

Groups: TypeAlias = Sequence[tuple[str, Sequence[int], Sequence[Job]]]


def grouped(jobs: Sequence[Job]) -> Groups:
    """The commands of each kind that there are, with their places in the batch."""
    places: dict[str, list[int]] = {}
    for place, job in enumerate(jobs):
        places.setdefault(job.kind, []).append(place)
    return [
        (kind, found, [jobs[place] for place in found])
        for kind in _KINDS
        if (found := places.get(kind))
    ]


def calls(
    jobs: Sequence[Job], groups: Groups, terms: Terms, patience_seconds: float | None
) -> list[Call]:
    """The statements of one transaction. Without patience, locked tenants are skipped."""
    tenants = uuids(list({job.tenant for job in jobs}))
    patience = None if patience_seconds is None else interval(patience_seconds)
    made: list[Call] = []
    for kind, _, chosen in groups:
        parameters = _KINDS[kind].parameters(chosen, terms)
        if made:
            made.append((f"{kind}_locked", parameters))
        else:
            made.append((f"{kind}_locking", [tenants, patience, *parameters]))
    return made


def answers(groups: Groups, results: "Sequence[PGresult]") -> list[Answer]:
    """The answers of a transaction, in the places of its commands."""
    found: dict[int, Answer] = {}
    for (kind, places, chosen), result in zip(groups, results, strict=True):
        found.update(zip(places, _KINDS[kind].read(chosen, result), strict=True))
    return [found[place] for place in range(len(found))]
