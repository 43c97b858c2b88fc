"""Events published to subscribers of this process: where there is no broker."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, final

from application.delivery.ports.publisher import PublisherCondition
from domain.delivery.errors import EventRefusedError
from domain.delivery.outgoing_message import OutgoingMessage
from domain.delivery.topic import TOPIC_NAMES

Subscriber: TypeAlias = Callable[[OutgoingMessage], Awaitable[None]]
"""Takes a message. What it raises stands for what a broker answers: see `EventPublisher`."""


@final
@dataclass(frozen=True, slots=True)
class LocalPublisher:
    """An `EventPublisher`: a message is acknowledged when every subscriber has taken it.

    Subscribers see each message at least once, those of a key in order. There are the topics of
    this service and no others: what is sent to another one would be seen by nobody.
    """

    subscribers: Sequence[Subscriber]

    async def publish(self, message: OutgoingMessage) -> None:
        if message.topic not in TOPIC_NAMES:
            raise EventRefusedError(f"there is no topic {message.topic} without a broker")
        for subscriber in self.subscribers:
            await subscriber(message)

    async def condition(self) -> PublisherCondition:
        return PublisherCondition(name="in-process", version="", latency_seconds=0, problem="")
