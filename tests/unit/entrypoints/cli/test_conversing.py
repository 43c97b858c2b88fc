"""A turn on the screen, and Ctrl-C."""

import asyncio
import os
import signal

import pytest
from google.protobuf.message import Message

from entrypoints.cli.client import Client
from entrypoints.cli.conversing import Conversation, Presses, listening
from entrypoints.cli.failure import CommandFailedError, ExitCode
from somagent.conversation.v1.conversation_pb2 import (
    CancelTurnRequest,
    CancelTurnResponse,
    TurnAccepted,
    TurnCancelled,
    TurnEvent,
    TurnPaused,
    WatchTurnRequest,
)
from somagent.tools.v1.tools_pb2 import ApproveInvocationRequest, RejectInvocationRequest
from tests.unit.entrypoints.cli.screens import readable_screen
from tests.unit.entrypoints.cli.service import (
    INVOCATION,
    SESSION,
    TURN,
    Service,
    Wait,
    completed_turn,
)

ACCEPTED = TurnEvent(sequence=1, accepted=TurnAccepted(turn=TURN))
CANCELLED = TurnEvent(sequence=2, cancelled=TurnCancelled(subject="ada"))


async def test_a_completed_turn_is_shown_with_its_tools_and_cost(
    client: Client, service: Service
) -> None:
    service.streams = [completed_turn("It is 52.5.")]
    readable = readable_screen()
    talk = Conversation(client, readable.screen, SESSION)

    view = await talk.say("How much is 17.5 * 3?", Presses())

    assert view.kind == "completed"
    assert talk.turn == TURN
    assert "tool  arithmetic" in readable.text
    assert "succeeded" in readable.text
    assert readable.text.count("It is 52.5.") == 1
    assert "120 tokens · 2 API calls · 1 tool call · $0.0220" in readable.text


async def test_the_first_press_cancels_the_turn_and_its_end_is_waited_for(
    client: Client, service: Service
) -> None:
    cancelled = asyncio.Event()
    service.streams = [[ACCEPTED, Wait(cancelled), CANCELLED]]

    def cancel(_: Message) -> Message:
        cancelled.set()
        return CancelTurnResponse()

    service.answers["CancelTurnRequest"] = cancel
    presses, readable = Presses(), readable_screen()
    presses.press()

    view = await Conversation(client, readable.screen, SESSION).say("hello", presses)

    assert view.kind == "cancelled"
    assert [one.name for one in service.of(CancelTurnRequest)] == [TURN]
    assert "cancelled by ada" in readable.text


async def test_a_press_before_the_acceptance_cancels_once_the_turn_has_a_name(
    client: Client, service: Service
) -> None:
    go, cancelled = asyncio.Event(), asyncio.Event()
    service.streams = [[Wait(go), ACCEPTED, Wait(cancelled), CANCELLED]]

    def cancel(_: Message) -> Message:
        cancelled.set()
        return CancelTurnResponse()

    service.answers["CancelTurnRequest"] = cancel
    presses = Presses()
    presses.press()
    talk = Conversation(client, readable_screen().screen, SESSION)
    saying = asyncio.create_task(talk.say("hello", presses))
    go.set()

    view = await saying

    assert view.kind == "cancelled"


async def test_the_second_press_leaves_the_turn_to_itself(client: Client, service: Service) -> None:
    service.streams = [[ACCEPTED, Wait(asyncio.Event())]]
    presses = Presses()
    presses.press()
    presses.press()

    with pytest.raises(CommandFailedError) as failure:
        await Conversation(client, readable_screen().screen, SESSION).say("hello", presses)

    assert failure.value.code is ExitCode.INTERRUPTED


async def test_a_paused_turn_goes_on_after_the_decision(client: Client, service: Service) -> None:
    paused = TurnEvent(sequence=2, paused=TurnPaused(invocations=[INVOCATION]))
    service.streams = [[ACCEPTED, paused], completed_turn(first=3)]
    talk = Conversation(client, readable_screen().screen, SESSION)

    first = await talk.say("hello", Presses())
    await talk.decide(INVOCATION, approved=True)
    second = await talk.go_on(Presses())

    assert (first.kind, second.kind) == ("paused", "completed")
    assert [one.name for one in service.of(ApproveInvocationRequest)] == [INVOCATION]
    assert service.of(RejectInvocationRequest) == []
    assert service.of(WatchTurnRequest)[0].after_sequence == 2


async def test_ctrl_c_is_a_press_and_not_the_end_of_the_process() -> None:
    with listening() as presses:
        os.kill(os.getpid(), signal.SIGINT)
        await presses.first.wait()

    assert not presses.second.is_set()
