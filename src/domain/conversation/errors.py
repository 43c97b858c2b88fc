"""Refusals of the conversation context."""

from enum import StrEnum

from domain.kernel.errors import (
    ConflictError,
    DeadlineExceededError,
    ExhaustedError,
    InvalidValueError,
    NotFoundError,
    OutOfRangeError,
    PreconditionError,
    Resource,
    UnavailableError,
)


class SessionNotFoundError(NotFoundError):
    reason = "SESSION_NOT_FOUND"

    def __init__(self, session: str) -> None:
        super().__init__(f"there is no session {session}", session=session)
        self.resource = Resource("session", session)


class SessionBusyError(ExhaustedError):
    reason = "SESSION_BUSY"

    def __init__(self, session: str) -> None:
        super().__init__(
            "the session answers another message and takes no more now", session=session
        )
        self.retry_after_seconds = 1.0


class SessionMovedError(SessionBusyError):
    """A turn of the session ended after its history was read: read it again."""


class TurnNotFoundError(NotFoundError):
    reason = "TURN_NOT_FOUND"

    def __init__(self, turn: str) -> None:
        super().__init__(f"there is no turn {turn}", turn=turn)
        self.resource = Resource("turn", turn)


class TurnAlreadyEndedError(PreconditionError):
    reason = "TURN_ALREADY_ENDED"

    def __init__(self, turn: str, state: str) -> None:
        super().__init__(f"the turn has ended: {state}", turn=turn, state=state)


class StaleFenceError(ConflictError):
    reason = "STALE_FENCE"

    def __init__(self, turn: str) -> None:
        super().__init__("the turn is driven by another server now, or has ended", turn=turn)


class AbandonedFor(StrEnum):
    """Why nobody goes on with a turn whose server was lost."""

    DEADLINE = "deadline"
    ANSWER_SHOWN = "answer_shown"
    TAKE_OVERS = "take_overs"
    NO_ROOM = "no_room"


class TurnAbandonedError(UnavailableError):
    """Its server was lost, and no other went on with it; the fact `cause` says why."""

    reason = "TURN_ABANDONED"

    def __init__(self, turn: str, cause: AbandonedFor) -> None:
        why = {
            AbandonedFor.DEADLINE: "the turn's time was over by then",
            AbandonedFor.ANSWER_SHOWN: "its capsule continues no answer of which a part was shown",
            AbandonedFor.TAKE_OVERS: "so were the servers that went on with the turn",
            AbandonedFor.NO_ROOM: "what the turn may use leaves no room for the rest of its answer",
        }[cause]
        super().__init__(
            f"the server that answered was lost, and {why}; "
            "send the message again with a new request_id",
            turn=turn,
            cause=cause.value,
        )


class SequenceOutOfRangeError(OutOfRangeError):
    reason = "SEQUENCE_OUT_OF_RANGE"

    def __init__(self, asked: int, last: int) -> None:
        super().__init__(
            f"sequence {asked} is beyond the last one, {last}", asked=str(asked), last=str(last)
        )


class MessageDoesNotFitError(InvalidValueError):
    reason = "MESSAGE_DOES_NOT_FIT"

    def __init__(self, *, tokens: int, room: int) -> None:
        super().__init__(
            f"the message has {tokens} tokens, the history and buffer lanes have {room}: "
            "shorten it",
            tokens=str(tokens),
            room=str(room),
        )


class InstructionsDoNotFitError(PreconditionError):
    reason = "INSTRUCTIONS_DO_NOT_FIT"

    def __init__(self, *, tokens: int, limit: int, window: int) -> None:
        super().__init__(
            f"the capsule's instructions and tools have {tokens} tokens and leave no reply: its "
            f"money level allows {limit} a turn, the model's window is {window}",
            tokens=str(tokens),
            token_limit=str(limit),
            window=str(window),
        )


class ModelFailedError(UnavailableError):
    reason = "MODEL_FAILED"

    def __init__(self, capability: str, cause: str, *, status: int = 0) -> None:
        super().__init__(
            f"{capability} did not answer: {cause}", capability=capability, status=str(status)
        )


class ModelTruncatedError(UnavailableError):
    reason = "MODEL_TRUNCATED"

    def __init__(self, capability: str) -> None:
        super().__init__(
            f"the stream of {capability} ended before its end was said", capability=capability
        )


class ModelTimedOutError(DeadlineExceededError):
    reason = "MODEL_TIMED_OUT"

    def __init__(self, capability: str, stage: str) -> None:
        super().__init__(f"{capability} took too long: {stage}", capability=capability, stage=stage)


class ModelRateLimitedError(UnavailableError):
    reason = "MODEL_RATE_LIMITED"

    def __init__(self, capability: str, retry_after_seconds: float | None) -> None:
        super().__init__(f"{capability} asks us to slow down", capability=capability)
        self.retry_after_seconds = retry_after_seconds


class LowConfidenceError(PreconditionError):
    reason = "LOW_CONFIDENCE"

    def __init__(self, confidence: float, threshold: float) -> None:
        super().__init__(
            f"the model's confidence in its answer is {confidence:.2f}, the capsule's threshold "
            f"{threshold:.2f}",
            confidence=f"{confidence:.4f}",
            threshold=f"{threshold:.4f}",
        )


class TurnDeadlineExceededError(DeadlineExceededError):
    reason = "DEADLINE_EXCEEDED"

    def __init__(self) -> None:
        super().__init__("the time that was given for the turn is over")
