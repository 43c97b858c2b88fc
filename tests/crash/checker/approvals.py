"""Of each call that a person was asked about, one decision is published: the one that was made."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from domain.tools.invocation import InvocationState
from somagent.events.v1.events_pb2 import ApprovalDecided
from tests.crash.checker.ground import Ground, last_of
from tests.crash.checker.violation import Kind, Violation

_TOLD: Final = """
    select payload from outbox where tenant_id = any (%(tenants)s) and type = 'approval.decided'
"""

_DECIDED: Final = """
    select invocation_id, state from invocations
    where tenant_id = any (%(tenants)s) and expires_at is not null and state <> 1
"""

_OTHERWISE: Final = (InvocationState.REJECTED, InvocationState.EXPIRED)
"""What is decided about a call that does not run; every other one was approved."""


def check_approvals(ground: Ground) -> Iterator[Violation]:
    """A call and what was published of it say the same, once."""
    told: dict[UUID, list[InvocationState]] = {}
    for (payload,) in ground.rows(_TOLD):
        decided = ApprovalDecided.FromString(payload)
        found = told.setdefault(last_of(decided.invocation), [])
        found.append(InvocationState(decided.state))
    for invocation, code in ground.rows(_DECIDED):
        state, found = InvocationState(code), told.get(invocation, [])
        meant = state if state in _OTHERWISE else InvocationState.PERMITTED
        if found != [meant]:
            names = ", ".join(one.name for one in found) or "nothing"
            kind = Kind.DOUBLED if len(found) > 1 else Kind.LOST
            yield Violation(kind, f"call {invocation} is {state.name}, and told is {names}")
