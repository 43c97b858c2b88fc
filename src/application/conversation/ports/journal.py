"""The turn journal: one call is one atomic step."""

from dataclasses import dataclass
from typing import Protocol

from application.conversation.ports.checkpoint import Checkpoint
from domain.budget.account import Hold, Use
from domain.conversation.turn import Failure, TurnOrder, TurnState, Usage
from domain.conversation.turn_event import TurnEvent
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import (
    CapsuleVersionId,
    InvocationId,
    MessageId,
    RecordId,
    ServerId,
    SessionId,
    TenantId,
    TurnId,
)
from domain.tools.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptTurn:
    """A message is taken on. `digest` is of the request's content, for its request_id.

    `last_event` is that of the `Opening` which the turn was planned with.
    """

    tenant_id: TenantId
    session_id: SessionId
    request_id: str
    digest: bytes
    turn_id: TurnId
    capsule_version_id: CapsuleVersionId
    message_id: MessageId
    order: TurnOrder
    seconds: float
    last_event: int
    holds: tuple[Hold, ...]
    event: DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A turn as its driver holds it. `lease_seconds` is what remained when the answer was made.

    `state` is RUNNING or QUEUED when it was accepted now, anything when `earlier` is true: then the
    same request had been accepted before, as `turn_id`, or its answer was lost and others have the
    turn by now: a server that took it over, or `TurnLeases.promoted`. Events are numbered from
    `first_sequence` and must not pass `ceiling` before a renewal has raised it.
    """

    turn_id: TurnId
    state: TurnState
    fence: int
    lease_seconds: float
    ceiling: int
    first_sequence: int = 1
    earlier: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendTurn:
    """A round begins: its tools and the model call that follows are reserved together.

    `started` are the invocations with effects that begin now; `made` are calls without effects that
    are complete and are only written down. The same round asked again is answered as before.
    """

    tenant_id: TenantId
    turn_id: TurnId
    fence: int
    round: int
    checkpoint: Checkpoint
    holds: tuple[Hold, ...]
    started: tuple[Invocation, ...] = ()
    made: tuple[Invocation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseTurn:
    """A turn waits for people: what it did so far is settled, its lease and the rest given back."""

    tenant_id: TenantId
    turn_id: TurnId
    fence: int
    checkpoint: Checkpoint
    events: tuple[TurnEvent, ...]
    uses: tuple[Use, ...]
    usage: Usage
    waiting: tuple[Invocation, ...]
    made: tuple[Invocation, ...]
    outgoing: tuple[DomainEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeTurn:
    """Everybody has decided: the turn gets a new reservation, fence, lease and deadline.

    `fence` is that of the pause it ends: what was read of a pause is of no use after another one.
    `undecided` tells of calls that nobody decided about in time, each with the fact that is
    published where it expires with this and did not before.
    """

    tenant_id: TenantId
    turn_id: TurnId
    fence: int
    seconds: float
    holds: tuple[Hold, ...]
    event: DomainEvent
    undecided: tuple[tuple[InvocationId, DomainEvent], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOnTurn:
    """A turn that was interrupted goes on: its server was lost, or its model's answer broke off.

    `uses` are what was used since the last settlement, as far as that is known, `usage` all of the
    turn's, those included. `step` is 0 for the turn of a lost server, whose `void` says which
    numbers nobody may rely on; the same driver counts on from there. `progressed` is true when the
    turn had got further since a server was lost with it. `made` are calls without effects that are
    only written down.
    """

    tenant_id: TenantId
    turn_id: TurnId
    fence: int
    step: int
    progressed: bool
    void: TurnEvent | None
    checkpoint: Checkpoint
    usage: Usage
    uses: tuple[Use, ...]
    holds: tuple[Hold, ...]
    made: tuple[Invocation, ...]
    outgoing: tuple[DomainEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishTurn:
    """A turn ends. `answer` is stored as the assistant's message when the state is COMPLETED.

    `undecided` are calls that a person was asked about, each with the fact that is published where
    the call still waits when the turn ends: before the `outgoing` ones.

    `record` is the canonical bytes of the provenance record and `nonce` the salt of its hashes,
    kept beside it; `trace` is the decision trace as JSON.
    """

    tenant_id: TenantId
    turn_id: TurnId
    fence: int
    state: TurnState
    message_id: MessageId
    answer: str
    failure: Failure | None
    usage: Usage
    uses: tuple[Use, ...]
    events: tuple[TurnEvent, ...]
    made: tuple[Invocation, ...]
    record_id: RecordId
    record: bytes
    nonce: bytes
    trace: bytes
    outgoing: tuple[DomainEvent, ...]
    undecided: tuple[tuple[InvocationId, DomainEvent], ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """`promoted` is the session's next turn, now running for the server that accepted it."""

    promoted: TurnId | None = None
    owner: ServerId | None = None


class TurnJournal(Protocol):
    """The states of turns, and all that must change with them: budgets, messages, events, records.

    Every method is one atomic step and may be repeated after a lost answer: it then answers as
    before. Every method raises `StorageUnavailableError` when the database does not answer, and
    then it is not known whether the step was done.

    A step may be made after its caller was cancelled, too. Of a round, and of a step of `take_on`,
    the first that comes under its number stands, whatever the others hold.
    """

    async def accept(self, command: AcceptTurn) -> Grant:
        """Take a message on.

        Raises:
            SessionNotFoundError: No such session of this tenant, or it was deleted.
            SessionBusyError: A turn is open and the session does not queue, or its queue is full.
            SessionMovedError: No turn is open, and one has ended since `last_event`.
            BudgetExhaustedError: A hold does not fit its account.
            IdempotencyKeyReusedError: The request id is known with another digest.
        """
        ...

    async def extend(self, command: ExtendTurn) -> float:
        """Reserve a round; the seconds that remain of the renewed lease.

        Raises:
            BudgetExhaustedError: A hold does not fit its account; nothing was changed.
            StaleFenceError: The turn belongs to another driver now, or has ended.
        """
        ...

    async def pause(self, command: PauseTurn) -> None:
        """Let a turn wait for approvals.

        Raises:
            StaleFenceError: The turn belongs to another driver now, or has ended.
        """
        ...

    async def resume(self, command: ResumeTurn) -> Grant:
        """Let a paused turn, all of whose waiting invocations are decided, go on here.

        The grant has the fence after the command's, whoever may have taken the turn over since.

        Raises:
            StaleFenceError: It is not paused, or still waits, or has been paused anew since; or it
                was resumed by this command before, and taken over since.
            BudgetExhaustedError: A hold does not fit; the turn stays paused.
        """
        ...

    async def take_on(self, command: TakeOnTurn) -> Grant:
        """Settle what was used by an interruption and reserve what follows, both or neither.

        The grant has the command's fence, whoever may have taken the turn over since.

        Raises:
            BudgetExhaustedError: A hold does not fit; nothing was changed.
            StaleFenceError: The turn belongs to another driver now, or has ended.
        """
        ...

    async def finish(self, command: FinishTurn) -> Finished:
        """End a turn and promote the session's next.

        Raises:
            StaleFenceError: The turn belongs to another driver now, or ended otherwise.
        """
        ...
