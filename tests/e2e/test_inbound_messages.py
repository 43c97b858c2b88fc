"""Messages of other systems become turns and calls of tools, once; what cannot be taken rests."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from entrypoints.grpc.names import dead_letter_of
from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.conversation.v1.conversation_pb2_grpc import ConversationServiceStub
from somagent.events.v1.events_pb2 import MessageSent, ToolRequested
from somagent.operations.v1 import operations_pb2
from somagent.operations.v1.operations_pb2_grpc import OperationsServiceStub
from somagent.tools.v1 import tools_pb2
from somagent.tools.v1.tools_pb2_grpc import ToolServiceStub
from tests.e2e.inbound import (
    INBOUND,
    MOST_BYTES,
    TOOLS,
    Inbound,
    enveloped,
    message_sent,
    tool_requested,
)
from tests.e2e.stage import Metadata, Stage, fresh_id
from tests.system.service import until
from tests.upstream.chunks import answer
from tests.upstream.scripted import NOTHING, ScriptedUpstream, streamed


@pytest.fixture
async def inbound(stage: Stage) -> Inbound:
    slug, ada = await stage.tenant()
    return Inbound(stage=stage, slug=slug, caller=ada, capsule=await stage.capsule(slug, ada))


async def ended(inbound: Inbound, session: str, count: int) -> list[str]:
    """The answers of so many turns of a session, when all have ended."""

    async def whole() -> bool:
        turns = await inbound.turns(session)
        return len(turns) == count and all(one.state == pb.TURN_STATE_COMPLETED for one in turns)

    await until(whole)
    return [turn.answer for turn in await inbound.turns(session)]


async def test_a_message_becomes_a_turn(inbound: Inbound, upstream: ScriptedUpstream) -> None:
    upstream.answers(streamed(*answer("Good day.")))
    session = await inbound.session()
    inbound.put(message_sent(session, "Hello"))

    async with inbound.consuming():
        assert await ended(inbound, session, 1) == ["Good day."]
        await inbound.until_done(1)

    (turn,) = await inbound.turns(session)
    assert (turn.message, turn.subject) == ("Hello", "ada")
    assert await inbound.letters() == []


async def test_a_message_that_comes_again_is_the_same_turn(
    inbound: Inbound, upstream: ScriptedUpstream
) -> None:
    upstream.answers(streamed(*answer("Good day.")))
    session = await inbound.session()
    value = message_sent(session, "Hello")
    for _ in range(3):
        inbound.put(value)

    async with inbound.consuming():
        await inbound.until_done(3)
        await ended(inbound, session, 1)
    inbound.topics.committed.clear()
    async with inbound.consuming():
        await inbound.until_done(3)

    assert len(await inbound.turns(session)) == 1
    assert await inbound.letters() == []


async def test_messages_of_a_session_are_answered_in_their_order(
    inbound: Inbound, upstream: ScriptedUpstream
) -> None:
    upstream.answers(*(streamed(*answer(str(number))) for number in range(4)))
    session = await inbound.session()
    for number in range(4):
        inbound.put(message_sent(session, f"message {number}"), key=session)

    async with inbound.consuming():
        await ended(inbound, session, 4)

    said = [turn.message for turn in await inbound.turns(session)]
    assert said == [f"message {number}" for number in range(4)]


async def test_a_group_that_is_shared_anew_in_the_middle_loses_and_doubles_nothing(
    inbound: Inbound, upstream: ScriptedUpstream
) -> None:
    sessions = [await inbound.session() for _ in range(6)]
    upstream.answers(*(streamed(*answer("Yes.")) for _ in range(12)))
    for number in range(2):
        for session in sessions:
            inbound.put(message_sent(session, str(number)), key=session)

    async with inbound.consuming("one"):
        await inbound.until_done(1)
        async with inbound.consuming("two"):
            await inbound.until_done(4)
        # The second has gone, in the middle of its work.
        await inbound.until_done(12)
        for session in sessions:
            assert len(await ended(inbound, session, 2)) == 2

    assert await inbound.letters() == []


async def test_a_tool_is_run_once_however_often_it_is_asked_for(inbound: Inbound) -> None:
    value = tool_requested(inbound.slug, '{"expression": "6 * 7"}')
    for _ in range(3):
        inbound.put(value, topic=TOOLS)

    async with inbound.consuming():
        await inbound.until_done(3)

    found = await ToolServiceStub(inbound.stage.channel).ListInvocations(
        tools_pb2.ListInvocationsRequest(parent=f"tenants/{inbound.slug}"),
        metadata=inbound.caller.pairs,
    )
    assert [one.state for one in found.invocations] == [tools_pb2.INVOCATION_STATE_SUCCEEDED]
    assert await inbound.letters() == []


async def test_a_session_at_work_is_waited_for(
    inbound: Inbound, upstream: ScriptedUpstream
) -> None:
    upstream.answers(NOTHING, streamed(*answer("At last.")))
    session = await inbound.session(busy_policy=pb.BUSY_POLICY_REFUSE)
    inbound.put(message_sent(session, "first"), key=session)
    inbound.put(message_sent(session, "second"), key=session)

    async with inbound.consuming():
        await inbound.until_done(1)
        await upstream.came.wait()
        (first,) = await inbound.turns(session)
        await cancelled(inbound, first.name)
        await inbound.until_done(2)
        await inbound.until_answered(session, "At last.")

    said = [(turn.message, turn.answer) for turn in await inbound.turns(session)]
    assert said == [("first", ""), ("second", "At last.")]
    assert await inbound.letters() == []


async def cancelled(inbound: Inbound, turn: str) -> None:
    await ConversationServiceStub(inbound.stage.channel).CancelTurn(
        pb.CancelTurnRequest(name=turn, request_id=fresh_id()), metadata=inbound.caller.pairs
    )


async def test_what_cannot_be_taken_rests_under_its_reason(inbound: Inbound) -> None:
    session = await inbound.session()
    nowhere = f"tenants/{inbound.slug}/sessions/{fresh_id()}"
    sent = pb.ProcessMessageRequest(session=session, text="", request_id=fresh_id())
    expected = {
        "no session": (message_sent(nowhere), "SESSION_NOT_FOUND"),
        "no text": (enveloped(MessageSent(request=sent), "message.sent"), "INVALID_ARGUMENT"),
        "no tool": (tool_requested(inbound.slug, "{}", "no_such_tool"), "TOOL_NOT_FOUND"),
        "wrong arguments": (tool_requested(inbound.slug, "{}"), "TOOL_ARGUMENTS_INVALID"),
    }
    for key, (value, _) in expected.items():
        inbound.put(value, key=key, topic=TOOLS if "tool" in key or "arg" in key else INBOUND)

    async with inbound.consuming():
        await inbound.until_done(len(expected))

    letters = {one.key.decode(): one.reason for one in await inbound.letters()}
    assert letters == {key: reason for key, (_, reason) in expected.items()}


async def test_what_nobody_can_be_held_to_rests_with_the_platform(inbound: Inbound) -> None:
    session = await inbound.session()
    value = message_sent(session)
    mark = fresh_id()
    expected = {
        "garbage": (b"\xff\xff garbage", "", "MESSAGE_UNREADABLE"),
        "empty": (b"", "", "MESSAGE_UNREADABLE"),
        "giant": (bytes(MOST_BYTES + 1), "", "MESSAGE_TOO_LARGE"),
        "type": (enveloped(MessageSent(), "message.meant"), "", "MESSAGE_TYPE_UNKNOWN"),
        "version": (enveloped(MessageSent(), "message.sent", 2), "", "MESSAGE_TYPE_UNKNOWN"),
        "payload": (enveloped(ToolRequested(), "message.sent"), "", "MESSAGE_UNREADABLE"),
        "stranger": (value, f"Bearer sk_{'0' * 32}_{'x' * 43}", "UNAUTHENTICATED"),
        "nobody": (value, "Basic x", "UNAUTHENTICATED"),
    }
    for key, (content, shown, _) in expected.items():
        inbound.put(content, key=f"{mark} {key}", shown=shown)
    inbound.put(value, key=f"{mark} damaged", damage="its headers cannot be read")
    expected["damaged"] = value, "", "MESSAGE_UNREADABLE"

    async with inbound.consuming():
        await inbound.until_done(len(expected))

    operator = inbound.stage.operator
    rested = {one.key.decode(): one.reason for one in await inbound.letters("platform", operator)}
    assert {key: rested.get(f"{mark} {key}") for key in expected} == {
        key: reason for key, (_, _, reason) in expected.items()
    }
    assert await inbound.letters() == []
    assert await inbound.turns(session) == []


async def test_another_tenants_session_and_a_missing_permission_are_refused(
    inbound: Inbound,
) -> None:
    session = await inbound.session()
    stranger, grace = await inbound.stage.tenant()
    auditor = await inbound.stage.key(inbound.slug, "auditor")
    inbound.put(message_sent(session), key="stranger", shown=f"Bearer {grace.key}")
    inbound.put(message_sent(session), key="auditor", shown=f"Bearer {auditor.key}")

    async with inbound.consuming():
        await inbound.until_done(2)

    assert [one.reason for one in await inbound.letters(stranger, grace)] == ["SESSION_NOT_FOUND"]
    assert [one.reason for one in await inbound.letters()] == ["PERMISSION_DENIED"]
    assert await inbound.turns(session) == []


async def test_no_letter_keeps_a_credential(inbound: Inbound) -> None:
    inbound.put(message_sent(f"tenants/{inbound.slug}/sessions/{fresh_id()}"))

    async with inbound.consuming():
        await inbound.until_done(1)

    application = inbound.stage.process.application
    (letter,) = await inbound.letters()
    tenant = await application.stores().credentials.tenant(inbound.slug)
    assert tenant is not None
    kept = await application.stores().dead_letters.open(tenant.id, dead_letter_of(letter.name))
    assert inbound.caller.key not in repr(kept)


async def replayed(
    inbound: Inbound, request: operations_pb2.ReplayDeadLettersRequest, caller: Metadata
) -> operations_pb2.ReplayDeadLettersResponse:
    stub = OperationsServiceStub(inbound.stage.channel)
    return await stub.ReplayDeadLetters(request, metadata=caller.pairs)


async def test_a_letter_is_mended_and_replayed_once(
    inbound: Inbound, upstream: ScriptedUpstream
) -> None:
    upstream.answers(streamed(*answer("Good day.")))
    session = await inbound.session()
    inbound.put(message_sent(f"tenants/{inbound.slug}/sessions/{fresh_id()}"))
    async with inbound.consuming():
        await inbound.until_done(1)
    (letter,) = await inbound.letters()
    await OperationsServiceStub(inbound.stage.channel).UpdateDeadLetter(
        operations_pb2.UpdateDeadLetterRequest(
            name=letter.name,
            payload=message_sent(session, "Hello"),
            update_mask=FieldMask(paths=["payload"]),
            request_id=fresh_id(),
        ),
        metadata=inbound.caller.pairs,
    )
    of_reason = operations_pb2.DeadLetterFilter(reason="SESSION_NOT_FOUND")
    request = operations_pb2.ReplayDeadLettersRequest(
        parent=f"tenants/{inbound.slug}", filter=of_reason, request_id=fresh_id()
    )

    first = await replayed(inbound, request, inbound.caller)
    again = await replayed(inbound, request, inbound.caller)

    assert [one.name for one in first.dead_letters] == [letter.name]
    assert [one.name for one in again.dead_letters] == [letter.name]
    assert await ended(inbound, session, 1) == ["Good day."]
    (now,) = await inbound.letters()
    assert (now.state, now.note) == (operations_pb2.DEAD_LETTER_STATE_REPLAYED, "consumer")


async def test_an_operator_does_not_speak_for_a_tenant_by_replaying(inbound: Inbound) -> None:
    session = await inbound.session()
    auditor = await inbound.stage.key(inbound.slug, "auditor")
    inbound.put(message_sent(session), shown=f"Bearer {auditor.key}")
    async with inbound.consuming():
        await inbound.until_done(1)
    (letter,) = await inbound.letters()
    request = operations_pb2.ReplayDeadLettersRequest(
        parent=f"tenants/{inbound.slug}", names=[letter.name], request_id=fresh_id()
    )

    answered = await replayed(inbound, request, inbound.stage.operator)

    assert [one.error.reason for one in answered.refused] == ["PERMISSION_DENIED"]
    (now,) = await inbound.letters()
    assert (now.state, len(now.attempts)) == (operations_pb2.DEAD_LETTER_STATE_RESTING, 2)
    assert await inbound.turns(session) == []
