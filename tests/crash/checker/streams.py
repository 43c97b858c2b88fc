"""Streams are whole: without gaps, equal at every replay, and heard once."""

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import groupby
from random import Random
from typing import Final
from uuid import UUID

from psycopg.rows import TupleRow

from adapters.postgres.turn_codec import decode_events
from domain.conversation.turn_event import Cancelled, Completed, Failed, Restarted
from somagent.conversation.v1 import conversation_pb2 as pb
from tests.crash.checker.ground import Ground
from tests.crash.checker.turns import ENDED
from tests.crash.checker.violation import Kind, Violation
from tests.crash.evidence import FINAL, Asked, Evidence, kind_of
from tests.system.client import RefusedError
from tests.system.conversing import as_bytes, seen, text_of

_EVENTS: Final = """
    select e.turn_id, e.first_sequence, e.last_sequence, e.payload, t.state
    from turn_events e join turns t on t.tenant_id = e.tenant_id and t.turn_id = e.turn_id
    where e.tenant_id = any (%(tenants)s) order by e.turn_id, e.first_sequence
"""

_SILENT: Final = """
    select t.turn_id from turns t where t.tenant_id = any (%(tenants)s) and t.state in (4, 5, 6)
      and not exists (select from turn_events e
        where e.tenant_id = t.tenant_id and e.turn_id = t.turn_id)
"""

REPLAYS: Final = 60
"""So many turns of a run are read again, from any server and any number."""


def check_stored_streams(ground: Ground) -> Iterator[Violation]:
    """Every number is in one event or under one `restarted`, and one event ends the stream."""
    for (turn,) in ground.rows(_SILENT):
        yield Violation(Kind.LOST, f"turn {turn} ended and has no events")
    rows = ground.rows(_EVENTS)
    for turn, batches in groupby(rows, key=lambda row: UUID(str(row[0]))):
        yield from _check_stream(turn, list(batches))


def _check_stream(turn: UUID, batches: Sequence[TupleRow]) -> Iterator[Violation]:
    expected, ends = 1, 0
    for _, first, last, payload, _ in batches:
        for event in decode_events(payload):
            body = event.body
            begins = body.first_sequence if isinstance(body, Restarted) else event.sequence
            if begins > expected:
                yield Violation(Kind.LOST, f"turn {turn}: {expected} to {begins - 1} are missing")
            elif begins < expected:
                yield Violation(Kind.DOUBLED, f"turn {turn}: number {begins} is there twice")
            expected = event.sequence + 1
            ends += isinstance(body, Completed | Failed | Cancelled)
        if last != expected - 1 or first > last:
            yield Violation(Kind.LOST, f"turn {turn}: the batch {first} to {last} holds others")
    if ends != (1 if batches[0][-1] in ENDED else 0):
        kind = Kind.DOUBLED if ends > 1 else Kind.LOST
        yield Violation(kind, f"turn {turn} has {ends} last events")


def check_heard_streams(evidence: Evidence) -> Iterator[Violation]:
    """Each client heard every number once, however often it was connected."""
    for asked in evidence.asked:
        before = 0
        for event in asked.heard:
            first = event.restarted.first_sequence
            covers = kind_of(event) == "restarted" and first <= before + 1
            if event.sequence <= before:
                yield Violation(Kind.DOUBLED, f"{asked.turn}: {event.sequence} was heard again")
            elif event.sequence > before + 1 and not covers:
                what = f"{asked.turn}: heard {event.sequence} after {before}"
                yield Violation(Kind.LOST, what)
            before = event.sequence
        if asked.last == "completed" and text_of(asked.heard) != asked.heard[-1].completed.text:
            what = f"{asked.turn}: heard {text_of(asked.heard)!r} of {asked.heard[-1].completed}"
            yield Violation(Kind.LOST, what)


async def check_replays(evidence: Evidence, chance: Random) -> AsyncIterator[Violation]:
    """What is read again is what was heard, from whichever server and whichever number on."""
    ended = [one for one in evidence.asked if one.last in FINAL and one.turn]
    # Those with something void are read again first: there most can go wrong.
    chance.shuffle(ended)
    ended.sort(key=lambda one: not any(kind_of(event) == "restarted" for event in one.heard))
    for asked in ended[:REPLAYS]:
        witness = next(one for one in evidence.tenants if one.slug == asked.tenant)
        try:
            replays = [await seen(client, asked.turn) for client in witness.clients]
            after = chance.randrange(replays[0][-1].sequence)
            rest = await seen(chance.choice(witness.clients), asked.turn, after)
        except RefusedError as refused:
            yield Violation(Kind.LOST, f"{asked.turn} cannot be read again: {refused}")
            continue
        for violation in _compare(asked, replays, rest, after):
            yield violation


def _compare(
    asked: Asked, replays: Sequence[list[pb.TurnEvent]], rest: list[pb.TurnEvent], after: int
) -> Iterator[Violation]:
    stored = replays[0]
    if any(as_bytes(other) != as_bytes(stored) for other in replays[1:]):
        yield Violation(Kind.LOST, f"{asked.turn}: servers replay it differently")
    if as_bytes(rest) != as_bytes([event for event in stored if event.sequence > after]):
        yield Violation(Kind.LOST, f"{asked.turn}: the rest after {after} is another one")
    by_number = {event.sequence: event for event in stored}
    void = [
        range(event.restarted.first_sequence, event.restarted.last_sequence + 1)
        for event in stored
        if kind_of(event) == "restarted"
    ]
    for event in asked.heard:
        if by_number.get(event.sequence) != event and not any(
            event.sequence in numbers for numbers in void
        ):
            yield Violation(
                Kind.LOST,
                f"{asked.turn}: {event.sequence} was heard as {kind_of(event)}, and is not so "
                "stored",
            )
