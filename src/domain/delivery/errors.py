"""Refusals of the delivery context."""

from domain.kernel.errors import (
    ConflictError,
    InvalidValueError,
    NotFoundError,
    PreconditionError,
    Resource,
    UnavailableError,
)


class DeadLetterNotFoundError(NotFoundError):
    reason = "DEAD_LETTER_NOT_FOUND"

    def __init__(self, letter: str) -> None:
        super().__init__(f"there is no dead letter {letter}", dead_letter=letter)
        self.resource = Resource("dead_letter", letter)


class DeadLetterSettledError(PreconditionError):
    """It was replayed or discarded: what it says is history."""

    reason = "DEAD_LETTER_SETTLED"

    def __init__(self, letter: str, state: str) -> None:
        super().__init__(f"the dead letter is {state}", dead_letter=letter, state=state)


class DeadLetterBusyError(ConflictError):
    """Somebody replays it at this moment."""

    reason = "DEAD_LETTER_BUSY"

    def __init__(self, letter: str) -> None:
        super().__init__("the dead letter is being replayed", dead_letter=letter)
        self.retry_after_seconds = 1.0


class PublisherAwayError(UnavailableError):
    """What events are published to is not there now: one topic, or where none is named, all."""

    reason = "PUBLISHER_UNAVAILABLE"

    def __init__(self, cause: str, topic: str = "") -> None:
        super().__init__(f"events cannot be published now: {cause}", cause=cause)
        self.topic = topic
        self.retry_after_seconds = 1.0


class EventFailedError(ConflictError):
    """One event could not be published, and may pass when it is tried again."""

    reason = "EVENT_FAILED"

    def __init__(self, cause: str) -> None:
        super().__init__(f"the event was not published: {cause}", cause=cause)


class EventRefusedError(PreconditionError):
    """One event was refused for itself: too large, of no known type, without an envelope."""

    reason = "EVENT_REFUSED"

    def __init__(self, cause: str) -> None:
        super().__init__(f"the event was refused: {cause}", cause=cause)


class SourceFencedError(ConflictError):
    """Another reader took this one's name: it has all that was this one's."""

    reason = "SOURCE_FENCED"

    def __init__(self, name: str) -> None:
        super().__init__("another reader of the group has the same name", reader=name)


class MessageUnreadableError(InvalidValueError):
    """The bytes are no message that this topic may hold."""

    reason = "MESSAGE_UNREADABLE"

    def __init__(self, why: str) -> None:
        super().__init__(f"the message cannot be read: {why}")


class MessageTypeUnknownError(InvalidValueError):
    """The message is none that this consumer takes, or of a version it does not know."""

    reason = "MESSAGE_TYPE_UNKNOWN"

    def __init__(self, kind: str, version: int) -> None:
        super().__init__(
            f"this consumer takes no {kind[:200] or 'untyped message'} of version {version}",
            type=kind[:200],
            version=str(version),
        )


class DeadLetterForConsumerError(PreconditionError):
    """A topic is read by many, and whoever replays a message of another system shows who he is."""

    reason = "DEAD_LETTER_FOR_CONSUMER"

    def __init__(self, letter: str, topic: str) -> None:
        super().__init__(
            "a message of this topic is replayed into its consumer alone: in the topic it would "
            "show the credential of whoever replays it to all who read it",
            dead_letter=letter,
            topic=topic,
        )


class DeadLetterNotNamedError(PreconditionError):
    """To replay it may give rights or double an effect: it takes somebody who means this letter."""

    reason = "DEAD_LETTER_NOT_NAMED"

    def __init__(self, letter: str, why: str) -> None:
        super().__init__(
            f"a letter that rests for {why} is replayed only when it is named",
            dead_letter=letter,
            because=why,
        )


class DeadLetterCutError(PreconditionError):
    """Of its payload only the beginning was kept: there is nothing whole to replay."""

    reason = "DEAD_LETTER_CUT"

    def __init__(self, letter: str) -> None:
        super().__init__(
            "only the beginning of its payload was kept: mend it first, or discard it",
            dead_letter=letter,
        )
