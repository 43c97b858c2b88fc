"""What a client does in a conversation: sessions, messages, turns and their events."""

from asyncio import timeout
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Final

from google.protobuf.message import Message

from somagent.budget.v1 import budget_pb2
from somagent.conversation.v1 import conversation_pb2 as pb
from tests.system.client import PATIENCE_SECONDS, Client, RefusedError, request_id
from tests.system.service import until

Event = pb.TurnEvent

ENDED: Final = (pb.TURN_STATE_COMPLETED, pb.TURN_STATE_FAILED, pb.TURN_STATE_CANCELLED)


async def open_session(client: Client, capsule: str, **fields: object) -> str:
    """A new session; gives its name."""
    session = pb.Session(capsule=f"{client.parent}/capsules/{capsule}", **fields)  # type: ignore[arg-type]  # of the message's own fields
    request = pb.CreateSessionRequest(
        parent=client.parent, session=session, request_id=request_id()
    )
    return (await client.ask(request, pb.CreateSessionResponse)).session.name


def message(session: str, text: str = "Good day!", asked: str = "") -> pb.ProcessMessageRequest:
    return pb.ProcessMessageRequest(session=session, text=text, request_id=asked or request_id())


async def said(client: Client, request: pb.ProcessMessageRequest) -> AsyncGenerator[Event]:
    """The events that a message's stream gives, as they come."""
    async with aclosing(client.stream(request, pb.ProcessMessageResponse)) as responses:
        async for response in responses:
            yield response.event


async def watched(client: Client, turn: str, after: int = 0) -> AsyncGenerator[Event]:
    """The events that a watcher of a turn is given, as they come."""
    request = pb.WatchTurnRequest(name=turn, after_sequence=after)
    async with aclosing(client.stream(request, pb.WatchTurnResponse)) as responses:
        async for response in responses:
            yield response.event


async def followed(
    stream: AsyncGenerator[Event],
    events: list[Event],
    then: Callable[[Event], Awaitable[None]] | None = None,
) -> RefusedError | None:
    """Take every event into the list, and do something with each; how the stream broke off."""
    try:
        async with aclosing(stream):
            async for event in stream:
                events.append(event)
                if then is not None:
                    await then(event)
    except RefusedError as refused:
        return refused
    return None


async def answer_to(client: Client, session: str, text: str = "Good day!") -> list[Event]:
    """All events of a new turn."""
    return [event async for event in said(client, message(session, text))]


async def seen(client: Client, turn: str, after: int = 0) -> list[Event]:
    """All events above a sequence, to the stream's end."""
    return [event async for event in watched(client, turn, after)]


async def turn_of(client: Client, name: str) -> pb.Turn:
    return (await client.ask(pb.GetTurnRequest(name=name), pb.GetTurnResponse)).turn


async def ended(client: Client, turn: str) -> pb.Turn:
    """The turn, once it has ended."""
    found = pb.Turn()

    async def has_ended() -> bool:
        nonlocal found
        found = await turn_of(client, turn)
        return found.state in ENDED

    await until(has_ended)
    return found


async def cancelled(client: Client, request: pb.CancelTurnRequest) -> pb.Turn:
    """The turn, once it has ended: each call waits for that for a few seconds only."""
    turn = pb.Turn()
    async with timeout(PATIENCE_SECONDS):
        while turn.state not in ENDED:
            turn = (await client.ask(request, pb.CancelTurnResponse)).turn
    return turn


async def usage_of(client: Client) -> dict[str, budget_pb2.MetricUsage]:
    """What the tenant has used and what is held, by the metric's name."""
    request = budget_pb2.GetUsageRequest(parent=client.parent)
    usage = await client.ask(request, budget_pb2.GetUsageResponse)
    return {budget_pb2.Metric.Name(one.metric): one for one in usage.usages}


async def held_by(client: Client) -> dict[str, int]:
    """What turns still hold; a session holds itself until it is deleted."""
    usage = await usage_of(client)
    return {name: one.held for name, one in usage.items() if one.held and name != "METRIC_SESSIONS"}


def kind_of(event: Event) -> str:
    """Which event it is: `text`, `completed` and so on."""
    return str(event.WhichOneof("event"))


def kinds(events: list[Event]) -> list[str]:
    return [kind_of(event) for event in events]


def text_of(events: list[Event]) -> str:
    """The streamed text, of what is not void."""
    void = [
        range(event.restarted.first_sequence, event.restarted.last_sequence + 1)
        for event in events
        if kind_of(event) == "restarted"
    ]
    return "".join(
        event.text.delta
        for event in events
        if not any(event.sequence in numbers for numbers in void)
    )


def numbers(events: list[Event]) -> list[int]:
    """Every number that the events account for, in order: their own, or those they cover."""
    found: list[int] = []
    for event in events:
        covered = event.restarted
        found += (
            range(covered.first_sequence, covered.last_sequence + 1)
            if kind_of(event) == "restarted"
            else [event.sequence]
        )
    return found


def as_bytes(events: list[Event]) -> list[bytes]:
    return [_bytes(event) for event in events]


def _bytes(one: Message) -> bytes:
    return one.SerializeToString(deterministic=True)
