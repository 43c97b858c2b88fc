"""The events bench finds what it looks for: faults are planted between outbox and reader."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import psycopg
import pytest
from bench.events import payload
from bench.events_consumer import TABLES, take
from bench.events_verdict import Verdict, verdict

from adapters.postgres.database import DatabaseSettings
from adapters.system.identifiers import SystemIdentifiers
from somagent.events.v1 import events_pb2 as pb
from tests.contract.postgres_server import owner_url

pytestmark = pytest.mark.postgres

KEYS = 2
EACH = 4


@dataclass(frozen=True, slots=True)
class Sent:
    """Events that were committed, as the envelopes in which they come, in their order."""

    url: str
    envelopes: Sequence[pb.Envelope]

    async def judged(self, came: Sequence[pb.Envelope]) -> Verdict:
        """What is said when these were read, in two batches."""
        half = len(came) // 2
        with psycopg.connect(self.url) as reader:
            for batch in (came[:half], came[half:]):
                take(reader, [envelope.SerializeToString() for envelope in batch])
        async with await psycopg.AsyncConnection.connect(self.url) as database:
            return await verdict(database)


@pytest.fixture
async def sent(fresh_settings: DatabaseSettings) -> Sent:
    url, ids = owner_url(fresh_settings), SystemIdentifiers()
    tenant, keys = ids.next(), sorted(ids.next() for _ in range(KEYS))
    envelopes = [
        pb.Envelope(
            id=str(ids.next()), type="turn.resumed", tenant=f"tenants/{tenant}",
            key=f"tenants/{tenant}/sessions/{key}", sequence=sequence,
        )
        for key in keys for sequence in range(1, EACH + 1)
    ]  # fmt: skip
    for number, one in enumerate(envelopes):
        one.payload.value = payload(number)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as database:
        for table in TABLES:
            await database.execute(table)
        await database.execute(
            b"select announce(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[],"
            b" %s::bigint[], %s::bytea[])",
            (
                [tenant] * len(envelopes),
                [one.id for one in envelopes],
                [*chain.from_iterable([key] * EACH for key in keys)],
                [one.type for one in envelopes],
                [""] * len(envelopes),
                [0] * len(envelopes),
                [one.payload.value for one in envelopes],
            ),
        )
    return Sent(url, envelopes)


def changed(one: pb.Envelope, change: Callable[[pb.Envelope], None]) -> pb.Envelope:
    other = pb.Envelope.FromString(one.SerializeToString())
    change(other)
    return other


def another_id(one: pb.Envelope) -> None:
    one.id = str(SystemIdentifiers().next())


def another_type(one: pb.Envelope) -> None:
    one.type = "turn.accepted"


def another_tenant(one: pb.Envelope) -> None:
    one.tenant = "tenants/other"


def another_payload(one: pb.Envelope) -> None:
    one.payload.value = payload(99)


CHANGES = [another_id, another_type, another_tenant, another_payload]


async def test_what_comes_as_it_was_committed_is_without_fault(sent: Sent) -> None:
    judged = await sent.judged(sent.envelopes)

    assert judged == Verdict(lost=0, doubled=0, reordered=0, changed=0, again=0)


async def test_what_comes_again_as_the_same_is_counted_and_no_fault(sent: Sent) -> None:
    judged = await sent.judged([*sent.envelopes[:3], *sent.envelopes])

    assert judged == Verdict(lost=0, doubled=0, reordered=0, changed=0, again=3)


async def test_what_does_not_come_is_lost(sent: Sent) -> None:
    judged = await sent.judged(sent.envelopes[:-1])

    assert judged == Verdict(lost=1, doubled=0, reordered=0, changed=0, again=0)


async def test_what_comes_before_an_earlier_one_is_out_of_order(sent: Sent) -> None:
    first, second, *rest = sent.envelopes

    judged = await sent.judged([second, first, *rest])

    assert judged.reordered > 0


async def test_an_event_that_comes_under_a_second_id_is_doubled(sent: Sent) -> None:
    judged = await sent.judged([*sent.envelopes, changed(sent.envelopes[0], another_id)])

    assert (judged.doubled, judged.changed) == (1, 1)


async def test_an_event_that_comes_under_a_second_number_is_doubled(sent: Sent) -> None:
    def another_number(one: pb.Envelope) -> None:
        one.sequence = EACH + 1

    judged = await sent.judged([*sent.envelopes, changed(sent.envelopes[0], another_number)])

    assert (judged.doubled, judged.changed) == (1, 1)


@pytest.mark.parametrize("change", CHANGES)
async def test_an_event_that_comes_otherwise_than_committed_is_changed(
    sent: Sent, change: Callable[[pb.Envelope], None]
) -> None:
    first, *rest = sent.envelopes

    judged = await sent.judged([changed(first, change), *rest])

    assert judged == Verdict(lost=0, doubled=0, reordered=0, changed=1, again=0)


@pytest.mark.parametrize("change", CHANGES)
async def test_an_event_that_comes_again_otherwise_is_changed(
    sent: Sent, change: Callable[[pb.Envelope], None]
) -> None:
    judged = await sent.judged([*sent.envelopes, changed(sent.envelopes[-1], change)])

    assert judged.changed == 1
