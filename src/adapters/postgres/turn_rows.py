"""Rows of turns, and what they stand for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from adapters.postgres.turn_codec import Outcome, decode_order, decode_outcome
from application.conversation.ports.reading import UnreadableError
from domain.conversation.turn import Failure, Turn, TurnOrder, TurnState, Usage
from domain.kernel.identifiers import CapsuleVersionId, RecordId, SessionId, TenantId, TurnId
from domain.kernel.principal import Principal

_UNKNOWN_END: Final = Failure(
    kind="DomainError",
    reason="INTERNAL",
    message="what is stored of the turn's end cannot be read",
    facts={},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRow:
    """What `read_turns` and `turn_page` return."""

    tenant_id: UUID
    turn_id: UUID
    session_id: UUID
    capsule_version_id: UUID
    state: int
    fence: int
    terms: bytes
    question: str
    accepted_at: datetime
    deadline_at: datetime
    finished_at: datetime | None
    answer: str
    outcome: bytes | None
    record_id: UUID | None
    last_written: int

    def turn(self) -> Turn:
        """Raises: UnreadableError: What was asked for, or came of it, cannot be read."""
        outcome = decode_outcome(self.outcome)
        return Turn(
            id=TurnId(self.turn_id),
            tenant_id=TenantId(self.tenant_id),
            session_id=SessionId(self.session_id),
            capsule_version_id=CapsuleVersionId(self.capsule_version_id),
            state=TurnState(self.state),
            fence=self.fence,
            order=decode_order(self.terms, self.question),
            accepted_at=self.accepted_at,
            deadline_at=self.deadline_at,
            finished_at=self.finished_at,
            answer=self.answer,
            usage=outcome.usage,
            failure=outcome.failure,
            record_id=None if self.record_id is None else RecordId(self.record_id),
        )

    def outline(self, *, tenant: str = "", subject: str = "") -> Turn:
        """The turn as far as it can be read; of its end, where it had one, what is known of it."""
        tenant_id = TenantId(self.tenant_id)
        outcome = self._known_outcome()
        principal = Principal(
            tenant_id=tenant_id, tenant=tenant, subject=subject, roles=frozenset()
        )
        return Turn(
            id=TurnId(self.turn_id),
            tenant_id=tenant_id,
            session_id=SessionId(self.session_id),
            capsule_version_id=CapsuleVersionId(self.capsule_version_id),
            state=TurnState(self.state),
            fence=self.fence,
            order=TurnOrder(principal=principal, text=self.question),
            accepted_at=self.accepted_at,
            deadline_at=self.deadline_at,
            finished_at=self.finished_at,
            answer=self.answer if self._ended else "",
            usage=outcome.usage,
            failure=outcome.failure,
            record_id=None if self.record_id is None else RecordId(self.record_id),
        )

    @property
    def _ended(self) -> bool:
        return TurnState(self.state).final

    def _known_outcome(self) -> Outcome:
        try:
            return decode_outcome(self.outcome)
        except UnreadableError:
            return Outcome(Usage(), _UNKNOWN_END if self._ended else None)
