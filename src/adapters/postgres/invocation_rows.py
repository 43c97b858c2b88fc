"""Rows of invocations, and what they stand for."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.kernel.identifiers import (
    CapsuleVersionId,
    InvocationId,
    KeyId,
    SessionId,
    TenantId,
    TurnId,
)
from domain.tools.invocation import Invocation, InvocationState


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationRow:
    """A whole row of the table `invocations`."""

    tenant_id: UUID
    invocation_id: UUID
    turn_id: UUID | None
    round: int
    call_id: str
    tool: str
    arguments: str
    digest: bytes
    effect: bool
    state: int
    permit: str
    result: str
    reason: str
    requested_by: str
    decided_by: str
    decided_at: datetime | None
    expires_at: datetime | None
    created_at: datetime
    finished_at: datetime | None
    fence: int
    lease_until: datetime | None
    tenant: str
    session_id: UUID | None
    reservation_id: UUID | None
    resolved_by: str
    resolved_at: datetime | None
    note: str
    capsule_version_id: UUID | None
    key_id: UUID | None
    start_id: UUID | None

    def invocation(self, session: UUID | None = None) -> Invocation:
        """What the row stands for; `session` is that of its turn, where it was looked up."""
        of, capsule = self.session_id or session, self.capsule_version_id
        return Invocation(
            id=InvocationId(self.invocation_id),
            tenant_id=TenantId(self.tenant_id),
            turn_id=None if self.turn_id is None else TurnId(self.turn_id),
            round=self.round,
            call_id=self.call_id,
            tool=self.tool,
            arguments=self.arguments,
            digest=self.digest,
            effect=self.effect,
            state=InvocationState(self.state),
            permit=self.permit,
            result=self.result,
            reason=self.reason,
            requested_by=self.requested_by,
            decided_by=self.decided_by,
            decided_at=self.decided_at,
            expires_at=self.expires_at,
            created_at=self.created_at,
            finished_at=self.finished_at,
            tenant=self.tenant,
            session_id=None if of is None else SessionId(of),
            resolved_by=self.resolved_by,
            resolved_at=self.resolved_at,
            note=self.note,
            capsule_version_id=None if capsule is None else CapsuleVersionId(capsule),
            key_id=None if self.key_id is None else KeyId(self.key_id),
        )
