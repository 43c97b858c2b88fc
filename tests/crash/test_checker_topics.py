"""The checker finds what is wrong in topics: each promise about them, broken in one place."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace

import psycopg
import pytest
import pytest_asyncio

from somagent.events.v1.events_pb2 import Envelope
from tests.crash.acts import Acts
from tests.crash.broker import Broker
from tests.crash.caller import Caller
from tests.crash.checker.checker import check_stored
from tests.crash.checker.ground import Ground
from tests.crash.checker.violation import Kind, Violation
from tests.crash.evidence import Evidence
from tests.crash.laboratory import laboratory
from tests.crash.script import CANARY
from tests.crash.topics import Found
from tests.plugins.kafka import KafkaBrokers

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("topics")]

ONE_OF_EACH = ("plain", "messaged", "messaged", "requested", "spoiled", "mended", "discarded")


@dataclass(frozen=True, slots=True)
class Bench:
    """A run in which nothing went wrong, to be spoilt in one place at a time."""

    connection: psycopg.Connection[tuple[object, ...]]
    evidence: Evidence
    public_key: bytes

    def check(self, evidence: Evidence) -> list[Violation]:
        return check_stored(Ground(self.connection, evidence), self.public_key, {})

    def planted(self, statement: str) -> list[Violation]:
        """What is found once the statement was run; it is undone."""
        mine = f"tenant_id = '{self.evidence.tenants[0].tenant_id}'"
        with self.connection.transaction(force_rollback=True):
            done = self.connection.execute(statement.format(mine=mine).encode())
            assert done.rowcount > 0
            return self.check(self.evidence)

    @property
    def turns(self) -> list[Found]:
        """What is told of turns of the first tenant, in order."""
        parent = f"tenants/{self.evidence.tenants[0].slug}"
        return sorted(
            (
                one
                for one in self.evidence.found
                if one.topic == "conversation.outbound" and read(one).tenant == parent
            ),
            key=lambda one: (one.partition, one.offset),
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(kafka: KafkaBrokers) -> AsyncGenerator[Bench]:
    async with laboratory(83, servers=1, broker=Broker(kafka)) as lab:
        evidence = await lab.tenants(2)
        for witness in evidence.tenants:
            acts = Acts(Caller(witness, evidence, lab.chance))
            await acts.open()
            for act in ONE_OF_EACH:
                await acts.do(act)
        await lab.over(evidence)
        await lab.check(evidence)
        with psycopg.connect(lab.owner_url, autocommit=True) as connection:
            yield Bench(connection, evidence, lab.public_key)


def read(message: Found) -> Envelope:
    return Envelope.FromString(message.value)


def written(message: Found, envelope: Envelope) -> Found:
    return replace(message, value=envelope.SerializeToString())


def later(message: Found) -> Found:
    """The same, behind all others of its partition."""
    return replace(message, offset=message.offset + 1_000_000)


async def test_topics_in_which_nothing_is_wrong_have_no_findings(bench: Bench) -> None:
    assert bench.check(bench.evidence) == []
    assert len(bench.turns) >= 4
    assert bench.evidence.refusals == []
    assert len([asked for asked in bench.evidence.asked if asked.sent]) == 10
    assert [settled.state for settled in bench.evidence.settled] == [2, 3, 2, 3]


async def test_an_event_that_came_twice_is_as_good_as_one_that_came_once(bench: Bench) -> None:
    found = [*bench.evidence.found, *(later(one) for one in bench.turns)]

    assert bench.check(replace(bench.evidence, found=found)) == []


def miss(_: Found) -> list[Found]:
    return []


def come_late(message: Found) -> list[Found]:
    return [later(message)]


def lie_elsewhere(message: Found) -> list[Found]:
    return [replace(message, topic="audit.events")]


def lie_in_another_partition(message: Found) -> list[Found]:
    return [message, replace(message, partition=message.partition + 1)]


def say_something_else(message: Found) -> list[Found]:
    envelope = read(message)
    envelope.payload.value += b"\x1a\x01x"
    return [written(message, envelope)]


def have_another_number(message: Found) -> list[Found]:
    envelope = read(message)
    envelope.sequence += 7
    return [written(message, envelope)]


def tell_of_nothing(message: Found) -> list[Found]:
    envelope = read(message)
    envelope.id = "0198f2a0-0000-7000-8000-000000000001"
    envelope.sequence += 1000
    return [message, later(written(message, envelope))]


def hold_personal_text(message: Found) -> list[Found]:
    return [replace(message, headers={**message.headers, "note": CANARY.encode()})]


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (miss, Kind.LOST),
        (come_late, Kind.LOST),
        (lie_elsewhere, Kind.LOST),
        (lie_in_another_partition, Kind.LOST),
        (say_something_else, Kind.LOST),
        (have_another_number, Kind.LOST),
        (tell_of_nothing, Kind.DOUBLED),
        (hold_personal_text, Kind.LEAKED),
    ],
)
async def test_an_event_that_is_not_as_it_was_committed_is_found(
    bench: Bench, spoil: Callable[[Found], list[Found]], kind: Kind
) -> None:
    first = bench.turns[0]
    others = [one for one in bench.evidence.found if one != first]

    found = bench.check(replace(bench.evidence, found=[*others, *spoil(first)]))

    assert kind in {one.kind for one in found}


async def test_a_key_in_a_topic_is_found(bench: Bench) -> None:
    secret = next(iter(bench.evidence.secrets)).encode()
    copy = replace(bench.turns[0], topic="tool.requests.dlq", headers={"x-api-key": secret})

    found = bench.check(replace(bench.evidence, found=[*bench.evidence.found, copy]))

    assert [one.kind for one in found] == [Kind.LEAKED]


REST = "delete from dead_letters where reason = 'SESSION_NOT_FOUND' and {mine}"

REST_FOR_ANOTHER_REASON = (
    "update dead_letters set reason = 'INTERNAL' where reason = 'SESSION_NOT_FOUND' and {mine}"
)

REST_TWICE = """
insert into dead_letters (tenant_id, letter_id, source, origin, topic, key, type, header_names,
    header_values, payload, payload_bytes, reason, cause, attempted_at, attempt_errors, created_at)
select (select tenant_id from tenant_profiles where slug = 'platform'), gen_random_uuid(), source,
    origin, topic, key, type, header_names, header_values, payload, payload_bytes, reason, cause,
    attempted_at, attempt_errors, created_at from dead_letters where {mine}
"""

UNDISCARDED = "update dead_letters set state = 1 where state = 3 and {mine}"

FORGOTTEN = """
delete from invocation_requests r where {mine} and not exists (select from invocations i
    where i.tenant_id = r.tenant_id and i.invocation_id = r.invocation_id and i.turn_id is not null)
"""

ASKED_TWICE = """
insert into messages select tenant_id, gen_random_uuid(), session_id, turn_id, role, content,
    created_at from messages where role = 0 and {mine}
"""


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        (REST, Kind.LOST),
        (REST_FOR_ANOTHER_REASON, Kind.LOST),
        (REST_TWICE, Kind.DOUBLED),
        (UNDISCARDED, Kind.LOST),
        (FORGOTTEN, Kind.LOST),
        (ASKED_TWICE, Kind.DOUBLED),
    ],
    ids=["gone", "another reason", "twice", "undiscarded", "forgotten", "asked twice"],
)
async def test_what_became_of_messages_wrongly_is_found(
    bench: Bench, statement: str, kind: Kind
) -> None:
    assert kind in {one.kind for one in bench.planted(statement)}


async def test_a_message_that_should_have_been_taken_and_rests_is_found(bench: Bench) -> None:
    _, *others = bench.evidence.spoiled
    spoiled = {other: bench.evidence.spoiled[other] for other in others}

    found = bench.check(replace(bench.evidence, spoiled=spoiled))

    assert [(one.kind, "was not taken" in one.what) for one in found] == [(Kind.LOST, True)]


async def test_messages_that_were_taken_out_of_order_are_found(bench: Bench) -> None:
    session = next(asked.session for asked in bench.evidence.asked if asked.sent)
    end = max(one.offset for one in bench.evidence.found)
    turned = [
        replace(one, offset=end - one.offset) if one.key == session.encode() else one
        for one in bench.evidence.found
        if one.topic == "conversation.inbound"
    ]
    others = [one for one in bench.evidence.found if one.topic != "conversation.inbound"]

    found = bench.check(replace(bench.evidence, found=[*others, *turned]))

    assert Kind.LOST in {one.kind for one in found if "ahead of it" in one.what}


async def test_ends_that_nobody_is_told_of_are_found(bench: Bench) -> None:
    for topic in ("conversation.outbound", "tool.results"):
        left = [one for one in bench.evidence.found if one.topic != topic]

        found = bench.check(replace(bench.evidence, found=left))

        assert any("the end" in one.what and f"not in {topic}" in one.what for one in found)
