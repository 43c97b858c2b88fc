"""What subjects say of answers, in process memory."""

from dataclasses import dataclass, field
from typing import final

from adapters.inmemory.store import InMemoryStore
from domain.conversation.errors import TurnNotFoundError
from domain.conversation.feedback import Feedback
from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.identifiers import TenantId, TurnId
from domain.kernel.request_key import RequestKey


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class InMemoryFeedback:
    """A `FeedbackStore`; `said` has the last word of each subject on each turn."""

    store: InMemoryStore
    said: dict[tuple[TenantId, TurnId, str], Feedback] = field(
        default_factory=dict[tuple[TenantId, TurnId, str], Feedback]
    )
    requests: dict[tuple[TenantId, str], tuple[bytes, Feedback]] = field(
        default_factory=dict[tuple[TenantId, str], tuple[bytes, Feedback]]
    )

    async def submit(self, feedback: Feedback, request: RequestKey) -> Feedback:
        key = feedback.tenant_id, request.request_id
        if known := self.requests.get(key):
            digest, earlier = known
            if digest != request.digest:
                raise IdempotencyKeyReusedError(request.request_id)
            return earlier
        if (feedback.tenant_id, feedback.turn_id) not in self.store.turns:
            raise TurnNotFoundError(str(feedback.turn_id))
        self.said[feedback.tenant_id, feedback.turn_id, feedback.subject] = feedback
        self.requests[key] = request.digest, feedback
        return feedback
