"""How what belongs to a turn is stored as bytes: compact JSON, decoded to equal values."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final, NoReturn, cast

import msgspec

from application.conversation.ports.checkpoint import Checkpoint
from application.conversation.ports.reading import UnreadableError
from domain.conversation.message import Message, Role
from domain.conversation.turn import Failure, TurnOrder, Usage
from domain.conversation.turn_event import (
    Accepted,
    ApprovalRequested,
    Cancelled,
    Completed,
    Degraded,
    Failed,
    Paused,
    Restarted,
    Resumed,
    Started,
    TextAdded,
    ToolAnswered,
    ToolCalled,
    TurnEvent,
    TurnEventBody,
)
from domain.kernel.errors import InvalidArgumentError

BODIES: Final[Mapping[str, type[TurnEventBody]]] = MappingProxyType(
    {
        "accepted": Accepted,
        "started": Started,
        "text": TextAdded,
        "tool_called": ToolCalled,
        "tool_answered": ToolAnswered,
        "approval": ApprovalRequested,
        "restarted": Restarted,
        "degraded": Degraded,
        "paused": Paused,
        "resumed": Resumed,
        "completed": Completed,
        "failed": Failed,
        "cancelled": Cancelled,
    }
)
"""The stored name of every kind of event: none is ever given again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a turn used, and why it failed."""

    usage: Usage
    failure: Failure | None = None


def _plain(value: object) -> object:
    if isinstance(value, MappingProxyType):
        return dict(cast("Mapping[str, str]", value))
    raise NotImplementedError  # how msgspec is told that this is no value of ours


_KINDS: Final = MappingProxyType({body: kind for kind, body in BODIES.items()})
_encoder: Final = msgspec.json.Encoder(enc_hook=_plain)
_bodies: Final = MappingProxyType(
    {kind: msgspec.json.Decoder(body) for kind, body in BODIES.items()}
)
_events: Final = msgspec.json.Decoder(list[tuple[int, datetime, str, msgspec.Raw]])
_order: Final = msgspec.json.Decoder(TurnOrder)
_outcome: Final = msgspec.json.Decoder(Outcome)
_checkpoint: Final = msgspec.json.Decoder(Checkpoint)
_messages: Final = msgspec.json.Decoder(tuple[Message, ...])


def encode(field: str, value: object) -> bytes:
    """A value of the domain as JSON.

    Raises:
        InvalidArgumentError: A text holds a lone surrogate; `field` is named.
    """
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError as error:
        _refuse(field, error)


def encode_terms(order: TurnOrder) -> bytes:
    """The order but its text, which is stored as the user's message."""
    return encode("order", replace(order, text=""))


def decode_order(terms: bytes, text: str) -> TurnOrder:
    """Raises: UnreadableError: These are no terms that this release knows."""
    with _reading("terms"):
        return replace(_order.decode(terms), text=text)


def encode_outcome(usage: Usage, failure: Failure | None) -> bytes:
    return encode("failure", Outcome(usage, failure))


def decode_outcome(data: bytes | None) -> Outcome:
    """Raises: UnreadableError: This is no outcome that this release knows."""
    with _reading("outcome"):
        return Outcome(Usage()) if data is None else _outcome.decode(data)


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    return encode("checkpoint", checkpoint)


def decode_checkpoint(data: bytes | None) -> Checkpoint:
    """A checkpoint; of a turn that had none yet, an empty one.

    Of a turn that was paused under the first revision, its messages are all there is.

    Raises:
        UnreadableError: This is no checkpoint that this release knows.
    """
    if not data:
        return Checkpoint()
    with _reading("checkpoint"):
        if data.startswith(b"["):
            return _of_messages(_messages.decode(data))
        return _checkpoint.decode(data)


def encode_events(events: Sequence[TurnEvent]) -> bytes:
    """Events as a list of [sequence, time, kind, body]."""
    return encode(
        "events",
        [(event.sequence, event.at, _KINDS[type(event.body)], event.body) for event in events],
    )


def decode_events(data: bytes) -> list[TurnEvent]:
    """Raises: UnreadableError: These are no events that this release knows."""
    with _reading("events"):
        return [
            TurnEvent(sequence, at, _bodies[kind].decode(body))
            for sequence, at, kind, body in _events.decode(data)
        ]


def _of_messages(messages: tuple[Message, ...]) -> Checkpoint:
    last = max(place for place, one in enumerate(messages) if one.role is Role.USER)
    said = messages[last + 1 :]
    return Checkpoint(messages=said, round=sum(1 for one in said if one.calls) - 1)


@contextmanager
def _reading(what: str) -> Generator[None]:
    try:
        yield
    except (msgspec.DecodeError, KeyError, ValueError) as error:
        raise UnreadableError(f"the {what} of a turn cannot be read: {error}") from error


def _refuse(field: str, error: UnicodeEncodeError) -> NoReturn:
    raise InvalidArgumentError(field, f"no text: {error.reason}") from error
