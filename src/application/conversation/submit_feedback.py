"""Take down what somebody says of an answer."""

from dataclasses import dataclass
from typing import Final, final

from application.conversation.ports.reading import TurnReader
from application.conversation.ports.sessions import FeedbackStore
from application.conversation.told_turn import told_turn
from application.kernel.ports import CanonicalJson, Clock
from domain.conversation.errors import TurnNotFoundError
from domain.conversation.feedback import Feedback, Rating
from domain.kernel.identifiers import RequestId, SessionId, TenantId, TurnId
from domain.kernel.principal import Principal
from domain.kernel.request_key import RequestKey

METHOD: Final = "SubmitFeedback"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitFeedbackCommand:
    principal: Principal
    tenant_id: TenantId
    session_id: SessionId
    turn_id: TurnId
    rating: Rating
    comment: str
    request_id: RequestId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitFeedback:
    """The last word of a subject counts."""

    reader: TurnReader
    feedback: FeedbackStore
    canonical: CanonicalJson
    clock: Clock

    async def __call__(self, command: SubmitFeedbackCommand) -> Feedback:
        """Give what was taken down, or what this request had taken down before.

        Raises:
            TurnNotFoundError: The session has no such turn.
            IdempotencyKeyReusedError: The request id is known with another content.
        """
        turn = await told_turn(self.reader, command.tenant_id, command.turn_id)
        if turn.session_id != command.session_id:
            raise TurnNotFoundError(str(command.turn_id))
        said = Feedback(
            tenant_id=command.tenant_id,
            turn_id=command.turn_id,
            subject=command.principal.subject,
            rating=command.rating,
            comment=command.comment,
            created_at=self.clock.now(),
        )
        content = self.canonical.encode(
            {
                "turn": str(command.turn_id),
                "rating": command.rating.name,
                "comment": command.comment,
            }
        )
        subject = command.principal.subject
        request = RequestKey.of(METHOD, command.request_id, subject, content)
        return await self.feedback.submit(said, request)
