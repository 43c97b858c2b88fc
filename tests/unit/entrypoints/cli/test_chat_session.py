"""A chat without a terminal: lines in, turns out."""

import asyncio
import threading
from collections.abc import Generator, Sequence

import grpc
import pytest

from entrypoints.cli.chat_session import ChatOrder, chat
from entrypoints.cli.client import Target
from entrypoints.cli.conversing import Conversation
from entrypoints.cli.failure import CommandFailedError, ExitCode
from somagent.conversation.v1.conversation_pb2 import (
    CreateSessionRequest,
    CreateSessionResponse,
    DeleteSessionRequest,
    GetSessionResponse,
    ProcessMessageRequest,
    Session,
    TurnEvent,
    TurnFailed,
)
from tests.fakes import CountingIdentifiers
from tests.unit.entrypoints.cli.screens import ReadableScreen, readable_screen
from tests.unit.entrypoints.cli.service import (
    SESSION,
    TENANT,
    TURN,
    Refusal,
    Service,
    completed_turn,
    serving,
)

CAPSULE = f"{TENANT}/capsules/demo"
FAILED = TurnEvent(sequence=2, failed=TurnFailed())


@pytest.fixture
def elsewhere() -> Generator[Service]:
    """A service on a thread of its own: a chat keeps its thread to itself."""
    service, ready, stop = Service(), threading.Event(), asyncio.Event()
    service.answers = {
        "CreateSessionRequest": lambda _: CreateSessionResponse(session=Session(name=SESSION)),
        "GetSessionRequest": lambda _: GetSessionResponse(session=Session(name=SESSION)),
    }
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with serving(service):
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait()
    yield service
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


def held(
    service: Service, *lines: str, message: str = "", session: str = ""
) -> tuple[ExitCode, ReadableScreen, Sequence[str]]:
    """A chat of these lines; what it ended with, what it showed, the turns it is told of."""
    readable, turns = readable_screen(), list[str]()

    def keep(talk: Conversation) -> None:
        turns.append(talk.turn)

    order = ChatOrder(
        target=Target(address=service.address, key="sk_test"),
        session=session,
        capsule=CAPSULE,
        message=message,
        source=lines,
    )
    return chat(order, readable.screen, CountingIdentifiers(), keep), readable, turns


def test_each_line_is_a_message_of_one_session(elsewhere: Service) -> None:
    elsewhere.streams = [completed_turn(), completed_turn()]

    code, _, turns = held(elsewhere, "How much is 1 + 1?\n", "\n", "And 2 + 2?\n")

    assert code is ExitCode.DONE
    assert [one.text for one in elsewhere.of(ProcessMessageRequest)] == [
        "How much is 1 + 1?\n",
        "And 2 + 2?\n",
    ]
    assert [one.session.capsule for one in elsewhere.of(CreateSessionRequest)] == [CAPSULE]
    assert turns == [TURN]


def test_one_message_is_sent_and_shown(elsewhere: Service) -> None:
    elsewhere.streams = [completed_turn("It is 52.5.")]

    code, readable, _ = held(elsewhere, message="How much is 17.5 * 3?")

    assert code is ExitCode.DONE
    assert "It is 52.5." in readable.text


def test_a_turn_that_fails_is_not_answered(elsewhere: Service) -> None:
    elsewhere.streams = [[completed_turn()[0], FAILED]]

    code, _, _ = held(elsewhere, message="hello")

    assert code is ExitCode.NOT_ANSWERED


def test_a_session_that_was_opened_for_nothing_is_closed(elsewhere: Service) -> None:
    code, _, turns = held(elsewhere)

    assert code is ExitCode.DONE
    assert [one.name for one in elsewhere.of(DeleteSessionRequest)] == [SESSION]
    assert turns == []


def test_a_session_that_was_there_is_left_there(elsewhere: Service) -> None:
    held(elsewhere, session=SESSION)

    assert elsewhere.of(DeleteSessionRequest) == []
    assert elsewhere.of(CreateSessionRequest) == []


def test_a_refused_message_ends_it_with_its_reason(elsewhere: Service) -> None:
    refusal = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "BUDGET_EXHAUSTED", "nothing is left")
    elsewhere.streams = [[refusal]]

    with pytest.raises(CommandFailedError, match="nothing is left") as failure:
        held(elsewhere, "hello\n", "again\n")

    assert failure.value.reason == "BUDGET_EXHAUSTED"
