"""Who calls, what was permitted, and what is told of a call when it has ended."""

from dataclasses import dataclass
from typing import Protocol

from domain.authorization.decision import Decision
from domain.kernel.identifiers import TenantId
from domain.kernel.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An admitted call.

    `tenant_id` and `tenant` are those of what the request names: the principal's own, save where an
    operator of the platform acts on another's. `received_at` is in seconds of the monotonic clock;
    `seconds` is what the caller gave the call, None where it set no deadline. `traceparent` (W3C)
    names the trace that everything downstream belongs to.
    """

    principal: Principal
    tenant_id: TenantId
    tenant: str
    permit: Decision
    method: str
    received_at: float
    seconds: float | None
    traceparent: str


@dataclass(slots=True, kw_only=True)
class EndedCall:
    """What became of a call. It holds nothing of what was said.

    `parent` is the traceparent it came with, `traceparent` its own. `code` is the gRPC status'
    name, `reason` the refusal's; `tenant` and `subject` are empty where nobody was authenticated.
    `seconds` is how long it took, `defect` what only the log may show.
    """

    method: str
    parent: str
    traceparent: str
    code: str = "OK"
    reason: str = ""
    tenant: str = ""
    subject: str = ""
    seconds: float = 0.0
    defect: BaseException | None = None


class CallObserver(Protocol):
    """What counts, logs and traces calls; it never fails and never waits."""

    def began(self, traceparent: str) -> str:
        """The call's own traceparent: a child of the one it came with, else of a new trace."""
        ...

    def ended(self, call: EndedCall) -> None: ...
