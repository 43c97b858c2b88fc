"""One call of a tool, from asked-for to answered."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum
from types import MappingProxyType
from typing import Final, Self

from domain.kernel.identifiers import (
    CapsuleVersionId,
    InvocationId,
    KeyId,
    SessionId,
    TenantId,
    TurnId,
)
from domain.kernel.storable_text import check_storable
from domain.tools.errors import (
    ApprovalExpiredError,
    InvocationAlreadyDecidedError,
    ToolFailedError,
)


class InvocationState(IntEnum):
    """The numbers are stored. UNKNOWN is never `not executed`."""

    PENDING_APPROVAL = 1
    PERMITTED = 2
    STARTED = 3
    SUCCEEDED = 4
    FAILED = 5
    UNKNOWN = 6
    DENIED = 7
    REJECTED = 8
    EXPIRED = 9

    @property
    def open(self) -> bool:
        """Whether anything may still follow."""
        return bool(TRANSITIONS[self])

    def may_become(self, state: "InvocationState") -> bool:
        return state in TRANSITIONS[self]


TRANSITIONS: Final[Mapping[InvocationState, frozenset[InvocationState]]] = MappingProxyType(
    {
        InvocationState.PENDING_APPROVAL: frozenset(
            {InvocationState.PERMITTED, InvocationState.REJECTED, InvocationState.EXPIRED}
        ),
        InvocationState.PERMITTED: frozenset({InvocationState.STARTED, InvocationState.DENIED}),
        InvocationState.STARTED: frozenset(
            {InvocationState.SUCCEEDED, InvocationState.FAILED, InvocationState.UNKNOWN}
        ),
        InvocationState.UNKNOWN: frozenset({InvocationState.SUCCEEDED, InvocationState.FAILED}),
        InvocationState.SUCCEEDED: frozenset(),
        InvocationState.FAILED: frozenset(),
        InvocationState.DENIED: frozenset(),
        InvocationState.REJECTED: frozenset(),
        InvocationState.EXPIRED: frozenset(),
    }
)

APPROVAL_TIME: Final = timedelta(hours=24)
"""How long a person's decision is waited for; all calls wait equally long."""

TEXTS: Final = (
    *("call_id", "tool", "arguments", "permit", "result", "reason", "requested_by", "decided_by"),
    *("tenant", "resolved_by", "note"),
)
"""The fields of an invocation that are text."""

MAX_RESULT_BYTES: Final = 1 << 20
"""What is kept of a result."""

MOST_TAKEOVERS: Final = 3
"""How many servers may be lost over one call before nobody tries to recover it any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What a person found out about an UNKNOWN call: SUCCEEDED with a result, or FAILED."""

    state: InvocationState
    result: str
    note: str
    by: str
    at: datetime

    @property
    def reason(self) -> str:
        """The reason of a call that turned out to have failed."""
        return ToolFailedError.reason if self.state is InvocationState.FAILED else ""

    def check_texts(self) -> None:
        """Raises: InvalidArgumentError: A text of it cannot be kept."""
        for field in ("result", "note", "by"):
            check_storable(field, getattr(self, field))


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """A snapshot of one call.

    `call_id` is the provider's id of the call in its turn (empty when a client called the tool by
    itself), `arguments` the JSON text as it was permitted, `digest` its SHA-256. `permit` names
    the rule that allowed it. `result` are the bytes the model is given; `reason` says why a call
    did not succeed. `effect` tells whether the tool changes anything. `resolved_by` and `note` are
    those of the person who found out what became of an UNKNOWN call. `tenant` is the tenant's slug,
    known of a call by itself; `session_id` the session of its turn where it was looked up, else the
    one whose account bears a call by itself. `capsule_version_id` is the capsule by whose rules a
    call by itself was made, if it named one, `key_id` the API key that was shown for it.
    """

    id: InvocationId
    tenant_id: TenantId
    turn_id: TurnId | None
    round: int
    call_id: str
    tool: str
    arguments: str
    digest: bytes
    effect: bool
    state: InvocationState
    permit: str = ""
    result: str = ""
    reason: str = ""
    requested_by: str = ""
    decided_by: str = ""
    decided_at: datetime | None = None
    expires_at: datetime | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    tenant: str = ""
    session_id: SessionId | None = None
    resolved_by: str = ""
    resolved_at: datetime | None = None
    note: str = ""
    capsule_version_id: CapsuleVersionId | None = None
    key_id: KeyId | None = None

    def check_texts(self) -> None:
        """Raises: InvalidArgumentError: A text of it cannot be kept."""
        for field in TEXTS:
            check_storable(f"invocations.{field}", getattr(self, field))

    def waits(self, now: datetime) -> bool:
        """Whether somebody must still decide."""
        return self.state is InvocationState.PENDING_APPROVAL and not self.overdue(now)

    def decide(self, *, approved: bool, by: str, at: datetime) -> Self:
        """The call as a person decided it; the same decision again changes nothing.

        A call whose time is over by then is answered as EXPIRED: nobody may decide it any more.

        Raises:
            InvocationAlreadyDecidedError: It was decided otherwise, or never waited.
        """
        if self.state is InvocationState.PENDING_APPROVAL:
            if self.overdue(at):
                return self.expire(at)
            state = InvocationState.PERMITTED if approved else InvocationState.REJECTED
            return replace(self, state=state, decided_by=by, decided_at=at)
        self.check_decision(approved=approved)
        return self

    def check_decision(self, *, approved: bool) -> None:
        """Check that the call was decided so.

        Raises:
            InvocationAlreadyDecidedError: It was decided otherwise, or never was.
        """
        if self.decided_at is None or approved is (self.state is InvocationState.REJECTED):
            raise InvocationAlreadyDecidedError(str(self.id), self.state.name)

    def expire(self, at: datetime) -> Self:
        """The call as nobody has decided about it in time.

        Raises:
            InvocationAlreadyDecidedError: It does not wait.
        """
        if not self.state.may_become(InvocationState.EXPIRED):
            raise InvocationAlreadyDecidedError(str(self.id), self.state.name)
        return replace(self, state=InvocationState.EXPIRED, finished_at=at)

    def give_up(self, reason: str, at: datetime) -> Self:
        """The call as nobody waits for it any more: nobody decides about it, and it never runs.

        Raises:
            InvocationAlreadyDecidedError: It was started, or has ended.
        """
        waits = self.state is InvocationState.PENDING_APPROVAL
        state = InvocationState.EXPIRED if waits else InvocationState.DENIED
        if not self.state.may_become(state):
            raise InvocationAlreadyDecidedError(str(self.id), self.state.name)
        return replace(self, state=state, reason=reason, finished_at=at)

    def start(self, at: datetime) -> Self:
        """The call as it starts.

        Raises:
            InvocationAlreadyDecidedError: It is not PERMITTED.
            ApprovalExpiredError: It was approved, and its time is over.
        """
        if not self.state.may_become(InvocationState.STARTED):
            raise InvocationAlreadyDecidedError(str(self.id), self.state.name)
        if self.overdue(at):
            raise ApprovalExpiredError(str(self.id))
        return replace(self, state=InvocationState.STARTED)

    def end(self, state: InvocationState, *, result: str, reason: str, at: datetime) -> Self:
        """The call with its outcome; the same outcome again changes nothing.

        Raises:
            InvocationAlreadyDecidedError: It ended otherwise, or was never started.
        """
        if self.state is state:
            return self
        if not (self.state is InvocationState.STARTED and self.state.may_become(state)):
            raise InvocationAlreadyDecidedError(str(self.id), self.state.name)
        return replace(self, state=state, result=result, reason=reason, finished_at=at)

    def resolve(self, found: Resolution) -> Self:
        """The call as a person found it to have ended; the same finding again changes nothing.

        Raises:
            InvocationAlreadyDecidedError: It is not UNKNOWN, or was resolved otherwise.
        """
        before = (self.state, self.result, self.note)
        if self.resolved_at is not None and before == (found.state, found.result, found.note):
            return self
        if self.state is not InvocationState.UNKNOWN:
            raise InvocationAlreadyDecidedError(str(self.id), self.state.name)
        return replace(
            self,
            state=found.state,
            result=found.result,
            reason=found.reason,
            resolved_by=found.by,
            resolved_at=found.at,
            note=found.note,
        )

    def overdue(self, now: datetime) -> bool:
        """Whether the time is over in which it may be decided, and started when it was approved."""
        return self.expires_at is not None and self.expires_at <= now
