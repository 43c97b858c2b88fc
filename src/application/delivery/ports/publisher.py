"""Where messages are published to."""

from dataclasses import dataclass
from typing import Protocol

from domain.delivery.outgoing_event import OutgoingEvent
from domain.delivery.outgoing_message import OutgoingMessage


class Envelopes(Protocol):
    def __call__(self, event: OutgoingEvent) -> bytes:
        """The event as a `somagent.events.v1.Envelope`.

        Raises:
            EventRefusedError: No message is defined for its type.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherCondition:
    """What a look at the publisher's other side found; `problem` is empty when all is well."""

    name: str
    version: str
    latency_seconds: float
    problem: str


class EventPublisher(Protocol):
    async def publish(self, message: OutgoingMessage) -> None:
        """Publish one message; returns when it was acknowledged for good.

        Messages of one key are published one after the other by whoever calls; those of several
        keys at once. What was not acknowledged in time may have arrived all the same.

        Raises:
            PublisherAwayError: Nothing can be published now, or nothing to the topic that it names;
                it says nothing about this message.
            EventFailedError: This message failed, and may pass later.
            EventRefusedError: This message was refused for itself.
        """
        ...

    async def condition(self) -> PublisherCondition:
        """Look at the other side, within a second or two. Never raises for what it finds."""
        ...
