"""What is done to two kernels at once, as generated: small numbers that name what there is."""

from dataclasses import dataclass
from typing import Final, TypeAlias

from domain.conversation.turn import TurnState
from domain.tools.invocation import InvocationState


@dataclass(frozen=True, slots=True)
class Amount:
    """Of a metric, in an account: the tenant's, one of two users', or one that has no limit."""

    account: int
    metric: int
    amount: int
    required: bool


@dataclass(frozen=True, slots=True)
class Accept:
    tenant: int
    session: int
    server: int
    request: int | None
    digest: int
    last_event: int
    holds: tuple[Amount, ...]


@dataclass(frozen=True, slots=True)
class Extend:
    """`fence` and `round` are off by so much from what is right."""

    turn: int
    fence: int
    round: int
    holds: tuple[Amount, ...]
    calls: int


@dataclass(frozen=True, slots=True)
class Pause:
    turn: int
    fence: int
    uses: tuple[Amount, ...]
    waiting: int
    overdue: bool


@dataclass(frozen=True, slots=True)
class Decide:
    call: int
    approved: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    call: int
    fence: int
    state: InvocationState


@dataclass(frozen=True, slots=True)
class Begin:
    tenant: int
    request: int
    digest: int
    state: InvocationState


@dataclass(frozen=True, slots=True)
class Start:
    call: int


@dataclass(frozen=True, slots=True)
class Resume:
    turn: int
    fence: int
    server: int
    holds: tuple[Amount, ...]


@dataclass(frozen=True, slots=True)
class TakeOn:
    """A turn goes on at `server`; `fence` is off by so much. After step 0 no events are void."""

    turn: int
    server: int
    fence: int
    step: int
    progressed: bool
    uses: tuple[Amount, ...]
    holds: tuple[Amount, ...]


@dataclass(frozen=True, slots=True)
class Finish:
    turn: int
    fence: int
    state: TurnState
    uses: tuple[Amount, ...]
    events: int


@dataclass(frozen=True, slots=True)
class Together:
    """Commands that one server is given at once."""

    steps: tuple[Accept | Extend | Finish, ...]


@dataclass(frozen=True, slots=True)
class Again:
    """A command that was sent so many steps ago is sent again."""

    back: int


@dataclass(frozen=True, slots=True)
class SetLimit:
    tenant: int
    account: int
    metric: int
    amount: int | None


@dataclass(frozen=True, slots=True)
class Expire:
    """All that has a time limit runs out, and one server sweeps."""

    tenant: int
    server: int


@dataclass(frozen=True, slots=True)
class Renew:
    turn: int
    fence: int
    ceiling: int


@dataclass(frozen=True, slots=True)
class HandBack:
    """A turn is handed back and taken over by `server`; `fence` is off by so much."""

    turn: int
    fence: int
    server: int


@dataclass(frozen=True, slots=True)
class Append:
    """`skip` events from the last that was written; more than a thousand pass the ceiling."""

    turn: int
    fence: int
    skip: int
    count: int


@dataclass(frozen=True, slots=True)
class Promoted:
    """A server looks for turns that it may go on with."""

    server: int


@dataclass(frozen=True, slots=True)
class Reserve:
    tenant: int
    request: int | None
    digest: int
    holds: tuple[Amount, ...]


@dataclass(frozen=True, slots=True)
class ExtendReservation:
    reservation: int
    step: int
    holds: tuple[Amount, ...]


@dataclass(frozen=True, slots=True)
class Settle:
    reservation: int
    uses: tuple[Amount, ...]


@dataclass(frozen=True, slots=True)
class Release:
    reservation: int


@dataclass(frozen=True, slots=True)
class DeleteSession:
    tenant: int
    session: int


Step: TypeAlias = (
    Accept
    | Extend
    | Pause
    | Decide
    | Outcome
    | Begin
    | Start
    | Resume
    | TakeOn
    | Finish
    | Together
    | Again
    | SetLimit
    | Expire
    | Renew
    | HandBack
    | Append
    | Promoted
    | Reserve
    | ExtendReservation
    | Settle
    | Release
    | DeleteSession
)

TENANTS: Final = 2
SESSIONS: Final = 3
MANY_SESSIONS: Final = 12
