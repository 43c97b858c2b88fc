"""Tell the topic of dead letters of one more."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from application.delivery.ports.publisher import EventPublisher
from domain.delivery.dead_letter import Content, DeadLetter
from domain.delivery.outgoing_message import OutgoingMessage
from domain.kernel.errors import DomainError


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PublishLetter:
    """The message itself, without credentials, to the topic that is named for its own.

    The store has the letter: whoever reads the topic learns of it sooner, and where a broker takes
    no copy nobody is told. `missed` hears why.
    """

    publisher: EventPublisher
    missed: Callable[[DomainError], None]

    async def __call__(self, letter: DeadLetter, content: Content) -> None:
        """Publish a copy. It never fails."""
        facts = {
            "dead-letter": f"tenants/{letter.tenant}/deadLetters/{letter.id}",
            "reason": letter.reason,
            "origin": letter.origin,
        }
        own = tuple((name, text.encode()) for name, text in facts.items())
        copy = OutgoingMessage(
            topic=f"{letter.topic}.dlq",
            key=letter.key,
            headers=(*content.headers, *own),
            value=content.payload,
        )
        try:
            await self.publisher.publish(copy)
        except DomainError as refusal:
            self.missed(refusal)
