"""One event on its way to a topic."""

from collections.abc import Sequence

from application.delivery.ports.publisher import Envelopes, EventPublisher
from domain.delivery.dead_letter import Header
from domain.delivery.errors import EventFailedError, EventRefusedError, PublisherAwayError
from domain.delivery.outgoing_event import OutgoingEvent
from domain.delivery.outgoing_message import OutgoingMessage, headers_of
from domain.delivery.topic import topic_of
from domain.kernel.errors import StorageUnavailableError


async def send_event(
    event: OutgoingEvent,
    envelopes: Envelopes,
    publisher: EventPublisher,
    topic: str = "",
    headers: Sequence[Header] = (),
) -> None:
    """Publish an event to the topic of its type, or to another one, with more headers.

    Raises:
        PublisherAwayError: It says nothing about this event.
        StorageUnavailableError: As above.
        EventFailedError: It was not published, and may pass later; or it met a defect.
        EventRefusedError: It was refused for itself; or no envelope can be made of it.
    """
    topic = topic or topic_of(event.type)
    if not topic:
        raise EventRefusedError(f"no topic takes the type {event.type}")
    try:
        value = envelopes(event)
    except EventRefusedError:
        raise
    except Exception as error:
        raise EventRefusedError(f"no envelope can be made of it: {type(error).__name__}") from error
    try:
        await publisher.publish(
            OutgoingMessage(
                topic=topic,
                key=event.key_name.encode(),
                headers=(*headers_of(event), *headers),
                value=value,
            )
        )
    except (PublisherAwayError, StorageUnavailableError, EventFailedError, EventRefusedError):
        raise
    except Exception as error:
        # It is of this event, for the others go on. Its words are not kept: they may tell
        # anything.
        raise EventFailedError(f"a defect: {type(error).__name__}") from error
