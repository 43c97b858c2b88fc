"""Messages that come out of their sender's order, or under several keys, are taken once each."""

import pytest

from application.kernel.ports import Json
from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.events.v1.events_pb2 import Envelope
from tests.e2e.inbound import Inbound, message_sent
from tests.e2e.stage import Stage
from tests.system.service import until
from tests.upstream.chunks import answer
from tests.upstream.scripted import ScriptedUpstream, streamed


@pytest.fixture
async def inbound(stage: Stage) -> Inbound:
    slug, ada = await stage.tenant()
    return Inbound(stage=stage, slug=slug, caller=ada, capsule=await stage.capsule(slug, ada))


def numbered(value: bytes, sequence: int) -> bytes:
    """The message with a number by which its sender counts."""
    envelope = Envelope.FromString(value)
    envelope.sequence = sequence
    return envelope.SerializeToString()


async def said(inbound: Inbound, session: str, count: int) -> list[str]:
    """The messages of a session's turns, when so many have been answered and no other is there."""

    async def whole() -> bool:
        turns = await inbound.turns(session)
        return len(turns) == count and all(one.state == pb.TURN_STATE_COMPLETED for one in turns)

    await until(whole)
    return [turn.message for turn in await inbound.turns(session)]


def asked(upstream: ScriptedUpstream) -> list[list[str]]:
    """What users had said, in the order in which each request to the model told it."""
    return [_of_users(exchange.body["messages"]) for exchange in upstream.exchanges]


def _of_users(messages: Json) -> list[str]:
    found = list[str]()
    for message in messages if isinstance(messages, list) else ():
        match message:
            case {"role": "user", "content": str(content)}:
                found.append(content)
            case _:
                pass
    return found


async def test_the_order_of_arrival_is_that_of_the_turns_whatever_the_sender_counted(
    inbound: Inbound, upstream: ScriptedUpstream
) -> None:
    upstream.answers(*(streamed(*answer("Yes.")) for _ in range(2)))
    session = await inbound.session()
    inbound.put(numbered(message_sent(session, "second"), 2), key=session)
    inbound.put(numbered(message_sent(session, "first"), 1), key=session)

    async with inbound.consuming():
        await inbound.until_done(2)
        assert await said(inbound, session, 2) == ["second", "first"]

    assert asked(upstream) == [["second"], ["second", "first"]]
    assert await inbound.letters() == []


async def test_an_old_message_that_comes_again_behind_newer_ones_changes_nothing(
    inbound: Inbound, upstream: ScriptedUpstream
) -> None:
    upstream.answers(*(streamed(*answer("Yes.")) for _ in range(3)))
    session = await inbound.session()
    first, second, third = (message_sent(session, text) for text in ("one", "two", "three"))
    for value in (first, second, first, third, second, first):
        inbound.put(value, key=session)

    async with inbound.consuming():
        await inbound.until_done(6)
        assert await said(inbound, session, 3) == ["one", "two", "three"]

    assert asked(upstream) == [["one"], ["one", "two"], ["one", "two", "three"]]
    assert await inbound.letters() == []


@pytest.mark.parametrize("busy", [pb.BUSY_POLICY_QUEUE, pb.BUSY_POLICY_REFUSE])
async def test_a_session_under_two_keys_is_talked_to_by_one_message_at_a_time(
    inbound: Inbound, upstream: ScriptedUpstream, busy: pb.BusyPolicy.ValueType
) -> None:
    upstream.answers(*(streamed(*answer("Yes.")) for _ in range(4)))
    session = await inbound.session(busy_policy=busy)
    # The last byte decides about the partition: each reader has one of the two keys.
    for text in ("a one", "b one", "a two", "b two"):
        inbound.put(message_sent(session, text), key=text[0])

    async with inbound.consuming("one"), inbound.consuming("two"):
        await inbound.until_done(4)
        order = await said(inbound, session, 4)

    assert [text for text in order if text[0] == "a"] == ["a one", "a two"]
    assert [text for text in order if text[0] == "b"] == ["b one", "b two"]
    assert asked(upstream) == [order[: number + 1] for number in range(4)]
    assert await inbound.letters() == []
