"""What other systems send by message, and what persons do about what cannot be taken."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Final, TypeVar

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from domain.delivery.errors import PublisherAwayError
from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.events.v1.events_pb2 import Envelope, MessageSent, ToolRequested
from somagent.operations.v1 import operations_pb2 as operations
from somagent.tools.v1 import tools_pb2
from tests.crash.acting.actor import Actor, only_listen
from tests.crash.caller import PATIENCE_SECONDS, Caller, NotServedError
from tests.crash.evidence import Asked, Called, Settled, Spoiled
from tests.crash.script import CANARY, NOTE, deed_of, message_of
from tests.crash.tool_server import FIRE, POST, STAMP
from tests.crash.topics import MOST_BYTES

INBOUND: Final = "conversation.inbound"
REQUESTS: Final = "tool.requests"
PLATFORM: Final = "platform"

LOOK_SECONDS: Final = 0.2

NOBODY: Final = "00000000-0000-4000-8000-000000000000"
"""The identifier of nothing."""

T = TypeVar("T")


async def messaged(actor: Actor) -> None:
    """Messages of one session, one behind the other, some of them twice; each becomes a turn."""
    caller = actor.caller
    said = [actor.asked(kind) for kind in ("plain", caller.chance.choice(("tool", "plain")))]
    for asked in said:
        asked.sent = True
        for _ in range(caller.chance.choice((1, 1, 2))):
            await _send(caller, INBOUND, asked.session, _saying(asked))
    for asked in said:
        await _followed(caller, asked)


async def requested(actor: Actor) -> None:
    """A call of a tool by message, now and then twice; nobody waits for it."""
    caller, ident = actor.caller, actor.caller.request_id()
    request = tools_pb2.ExecuteToolRequest(
        parent=caller.parent,
        tool=caller.chance.choice((NOTE, STAMP, POST, FIRE)),
        arguments=f'{{"text": "{deed_of(ident, 1)}"}}',
        request_id=ident,
    )
    caller.evidence.called.append(
        Called(tenant=caller.witness.slug, request_id=ident, ident=ident, sent=True)
    )
    for _ in range(caller.chance.choice((1, 1, 2))):
        await _send(
            caller, REQUESTS, ident, _envelope("tool.requested", ToolRequested(request=request))
        )


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A message that cannot be taken, and why: by whom it was sent nobody can tell, or one can."""

    value: bytes
    reason: str
    known: bool = False
    credential: bool = True


def _of_no_type(asked: Asked) -> Spoilt:
    value = _envelope("message.unsent", MessageSent(request=_request(asked)))
    return Spoilt(value, "MESSAGE_TYPE_UNKNOWN")


def _of_a_later_version(asked: Asked) -> Spoilt:
    value = _envelope("message.sent", MessageSent(request=_request(asked)), 2)
    return Spoilt(value, "MESSAGE_TYPE_UNKNOWN")


def _of_nobody(asked: Asked) -> Spoilt:
    return Spoilt(_saying(asked), "UNAUTHENTICATED", credential=False)


def _to_no_session(asked: Asked) -> Spoilt:
    asked.session = f"{asked.session.rpartition('/')[0]}/{NOBODY}"
    return Spoilt(_saying(asked), "SESSION_NOT_FOUND", known=True)


def _too_long(asked: Asked) -> Spoilt:
    return Spoilt(_saying(asked) + b"\x00" * MOST_BYTES, "MESSAGE_TOO_LARGE")


SPOILT: Final[Mapping[str, Callable[[Asked], Spoilt]]] = {
    "garbage": lambda _: Spoilt(b"\xff" + CANARY.encode(), "MESSAGE_UNREADABLE"),
    "nothing": lambda _: Spoilt(b"", "MESSAGE_UNREADABLE"),
    "another payload": lambda _: Spoilt(
        _envelope("message.sent", ToolRequested()), "MESSAGE_UNREADABLE"
    ),
    "no type": _of_no_type,
    "later version": _of_a_later_version,
    "nobody": _of_nobody,
    "no session": _to_no_session,
    "too long": _too_long,
}
"""Messages of all kinds that rest as dead letters."""


async def spoiled(actor: Actor) -> None:
    """A message that cannot be taken."""
    await _spoiled(actor, actor.caller.chance.choice(list(SPOILT)))


async def _spoiled(actor: Actor, kind: str) -> str:
    """Send one; the key under which it comes to rest."""
    caller, asked = actor.caller, actor.asked("plain")
    spoilt = SPOILT[kind](asked)
    key = asked.request_id
    caller.evidence.spoiled[key] = Spoiled(
        tenant=caller.witness.slug if spoilt.known else PLATFORM, reason=spoilt.reason
    )
    await _send(caller, INBOUND, key, spoilt.value, credential=spoilt.credential)
    return key


async def mended(actor: Actor) -> None:
    """A message that came to rest is mended and replayed."""
    caller, asked = actor.caller, actor.asked("plain")
    letter = await _resting(caller, await _spoiled(actor, "no session"))
    update = operations.UpdateDeadLetterRequest(
        name=letter.name,
        payload=_saying(asked),
        update_mask=FieldMask(paths=["payload"]),
        request_id=caller.request_id(),
    )
    await caller.ask(update, operations.UpdateDeadLetterResponse)
    replay = operations.ReplayDeadLettersRequest(
        parent=caller.parent, names=[letter.name], request_id=caller.request_id()
    )
    replayed = await caller.ask(replay, operations.ReplayDeadLettersResponse)
    # One whose server died over it is taken for minutes, and nobody is told what became of it.
    if replayed.dead_letters:
        caller.evidence.settled.append(Settled(letter.name, replayed.dead_letters[0].state))
        asked.sent = True
        await _followed(caller, asked)


async def discarded(actor: Actor) -> None:
    """A message that came to rest is left alone for good."""
    caller = actor.caller
    letter = await _resting(caller, await _spoiled(actor, "no session"))
    request = operations.DiscardDeadLettersRequest(
        parent=caller.parent, names=[letter.name], note="a test", request_id=caller.request_id()
    )
    answer = await caller.ask(request, operations.DiscardDeadLettersResponse)
    for one in answer.dead_letters:
        caller.evidence.settled.append(Settled(one.name, one.state))


async def told_again(actor: Actor) -> None:
    """What was published of a session is published once more."""
    request = operations.ReplayEventsRequest(
        parent=actor.caller.parent,
        key=actor.session,
        page_size=40,
        request_id=actor.caller.request_id(),
    )
    await actor.caller.ask(request, operations.ReplayEventsResponse)


async def _send(
    caller: Caller, topic: str, key: str, value: bytes, *, credential: bool = True
) -> None:
    """Raises: NotServedError: No broker took it in all the client's patience."""
    topics = caller.evidence.topics
    if topics is None:
        raise NotServedError("there is no broker")
    headers = {"x-api-key": caller.witness.clients[0].key} if credential else {}
    try:
        await topics.send(topic, key, value, headers)
    except PublisherAwayError as away:
        caller.evidence.unanswered.append(f"a message to {topic}")
        raise NotServedError(str(away)) from away


def _envelope(kind: str, payload: Message, version: int = 1) -> bytes:
    envelope = Envelope(type=kind, version=version)
    envelope.payload.Pack(payload)
    return envelope.SerializeToString()


def _request(asked: Asked) -> pb.ProcessMessageRequest:
    text = message_of(asked.kind, asked.ident)
    return pb.ProcessMessageRequest(session=asked.session, text=text, request_id=asked.request_id)


def _saying(asked: Asked) -> bytes:
    return _envelope("message.sent", MessageSent(request=_request(asked)))


async def _followed(caller: Caller, asked: Asked) -> None:
    """Find the turn that a message became, and hear it to its end."""
    try:
        turn = await _found(partial(_turn_of, caller, asked))
    except NotServedError:
        asked.gave_up = "for no turn came of its message"
        caller.evidence.asked.append(asked)
        raise
    asked.turns.add(turn.name)
    await caller.say(asked, only_listen)


async def _turn_of(caller: Caller, asked: Asked) -> pb.Turn | None:
    request = pb.ListTurnsRequest(parent=asked.session, page_size=20)
    answer = await caller.ask(request, pb.ListTurnsResponse)
    return next((one for one in answer.turns if one.message.endswith(asked.ident)), None)


async def _resting(caller: Caller, key: str) -> operations.DeadLetter:
    """The letter that a message becomes."""

    async def listed() -> operations.DeadLetter | None:
        request = operations.ListDeadLettersRequest(parent=caller.parent, key=key.encode())
        answer = await caller.ask(request, operations.ListDeadLettersResponse)
        return next(iter(answer.dead_letters), None)

    return await _found(listed)


async def _found(look: Callable[[], Awaitable[T | None]]) -> T:
    """What is there at last.

    Raises:
        NotServedError: It did not come in all the client's patience.
    """
    until = monotonic() + PATIENCE_SECONDS
    while monotonic() < until:
        if (found := await look()) is not None:
            return found
        await asyncio.sleep(LOOK_SECONDS)
    raise NotServedError("what was sent did not come")
