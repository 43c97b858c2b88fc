"""What the conversation use cases need from the outside world."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from domain.budget.account import Hold, Use
from domain.capability.capability import Capability
from domain.conversation.feedback import Feedback
from domain.conversation.message import Message, ToolCall
from domain.conversation.phase import Attempt, PhaseTime
from domain.conversation.session import Session
from domain.conversation.turn import Failure, Turn, TurnOrder, TurnState, Usage
from domain.conversation.turn_event import TurnEvent
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import (
    CapsuleVersionId,
    MessageId,
    RecordId,
    ServerId,
    SessionId,
    TenantId,
    TurnId,
)
from domain.kernel.request_key import RequestKey
from domain.kernel.tool_choice import ToolChoice
from domain.tools.invocation import Invocation

# ── The journal: one call is one atomic step ──────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptTurn:
    """A message is taken on. `digest` is of the request's content, for its request_id."""

    tenant_id: TenantId
    session_id: SessionId
    request_id: str
    digest: bytes
    turn_id: TurnId
    capsule_version_id: CapsuleVersionId
    message_id: MessageId
    order: TurnOrder
    seconds: float
    holds: tuple[Hold, ...]
    event: DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A turn as its driver holds it. `lease_seconds` is what remained when the answer was made.

    `state` is RUNNING or QUEUED when it was accepted now, anything when `earlier` is true: then the
    same request had been accepted before, as `turn_id`. Events are numbered from `first_sequence`
    and must not pass `ceiling` before a renewal has raised it.
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
    holds: tuple[Hold, ...]
    started: tuple[Invocation, ...] = ()
    made: tuple[Invocation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseTurn:
    """A turn waits for people: what it did so far is settled, its lease and the rest given back."""

    tenant_id: TenantId
    turn_id: TurnId
    fence: int
    transcript: tuple[Message, ...]
    events: tuple[TurnEvent, ...]
    uses: tuple[Use, ...]
    usage: Usage
    waiting: tuple[Invocation, ...]
    made: tuple[Invocation, ...]
    outgoing: tuple[DomainEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeTurn:
    """Everybody has decided: the turn gets a new reservation, fence, lease and deadline."""

    tenant_id: TenantId
    turn_id: TurnId
    seconds: float
    holds: tuple[Hold, ...]
    event: DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishTurn:
    """A turn ends. `answer` is stored as the assistant's message when the state is COMPLETED.

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
    """

    async def accept(self, command: AcceptTurn) -> Grant:
        """Take a message on.

        Raises:
            SessionNotFoundError: No such session of this tenant, or it was deleted.
            SessionBusyError: A turn is open and the session does not queue, or its queue is full.
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

        Raises:
            StaleFenceError: It is not paused, or still waits.
            BudgetExhaustedError: A hold does not fit; the turn stays paused.
        """
        ...

    async def finish(self, command: FinishTurn) -> Finished:
        """End a turn and promote the session's next.

        Raises:
            StaleFenceError: The turn belongs to another driver now, or ended otherwise.
        """
        ...


@dataclass(frozen=True, slots=True)
class EventBatch:
    tenant_id: TenantId
    turn_id: TurnId
    fence: int
    events: tuple[TurnEvent, ...]


@dataclass(frozen=True, slots=True)
class Renewal:
    tenant_id: TenantId
    turn_id: TurnId
    fence: int
    ceiling: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandoned:
    """A turn whose driver was lost, taken over: its events go on above `ceiling`."""

    turn: Turn
    last_written: int
    ceiling: int
    lease_seconds: float


class TurnLeases(Protocol):
    """Who drives which turn; none of these waits for a tenant's or a turn's lock."""

    async def renew(self, renewals: Sequence[Renewal]) -> Sequence[float | None]:
        """Renew leases in one statement: seconds that remain for each, None where it was lost.

        A turn whose row was locked elsewhere answers 0.0: ask again soon.
        """
        ...

    async def append(self, batches: Sequence[EventBatch]) -> Sequence[bool | None]:
        """Write events of running turns: True, None where the lease was lost, False: again."""
        ...

    async def take_over(self, limit: int) -> Sequence[Abandoned]:
        """Take expired turns of all tenants: fence + 1 and a lease for this server."""
        ...

    async def promoted(self, limit: int) -> Sequence[Turn]:
        """Turns of this server that were promoted from a queue and that nobody drives yet."""
        ...

    async def decided(self, limit: int) -> Sequence[Turn]:
        """Paused turns of all tenants none of whose calls waits any more.

        Any server goes on with one whose decider was lost, or whose calls were not decided in time.
        """
        ...


# ── Reading ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a turn begins with: its session, and the session's latest messages, oldest first."""

    session: Session
    history: tuple[Message, ...]


class TurnReader(Protocol):
    """Reads of one tenant's conversations, under row-level security."""

    async def opening(self, tenant_id: TenantId, session_id: SessionId, messages: int) -> Opening:
        """Read a session and at most so many of its latest messages.

        Raises:
            SessionNotFoundError: No such session of this tenant, or it was deleted.
        """
        ...

    async def turn(self, tenant_id: TenantId, turn_id: TurnId) -> Turn:
        """Raises: TurnNotFoundError: No such turn of this tenant."""
        ...

    async def events(
        self, tenant_id: TenantId, turn_id: TurnId, after: int, limit: int
    ) -> Sequence[TurnEvent]:
        """The written events above a sequence number, in order, at most so many."""
        ...

    async def last_sequence(self, tenant_id: TenantId, turn_id: TurnId) -> int:
        """The last number that is written of the turn's events; 0 while there is none.

        Raises:
            TurnNotFoundError: No such turn of this tenant.
        """
        ...

    async def trace(self, tenant_id: TenantId, turn_id: TurnId) -> bytes:
        """The decision trace as JSON; empty while the turn has not ended.

        Raises:
            TurnNotFoundError: No such turn of this tenant.
        """
        ...

    async def transcript(self, tenant_id: TenantId, turn_id: TurnId) -> tuple[Message, ...]:
        """What a paused turn had said to and heard from its model."""
        ...

    async def invocations(self, tenant_id: TenantId, turn_id: TurnId) -> Sequence[Invocation]:
        """The turn's tool calls, in order of their identifiers."""
        ...

    async def turns(
        self, tenant_id: TenantId, session_id: SessionId, after: TurnId | None, limit: int
    ) -> Sequence[Turn]:
        """The session's turns, newest first, older than `after`."""
        ...


# ── Models ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOffer:
    """A tool as a model is told of it: name, description and JSON Schema of its arguments."""

    name: str
    description: str
    schema: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One call of a model. `seconds` is what is left of the turn's deadline."""

    capability: Capability
    messages: tuple[Message, ...]
    tools: tuple[ToolOffer, ...]
    tool_choice: ToolChoice
    temperature: float
    max_tokens: int
    seconds: float
    confidence: bool = False


@dataclass(frozen=True, slots=True)
class ModelText:
    """All the text that one read of the provider's stream brought."""

    delta: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEnd:
    """A provider's stream ended as it should.

    `finish_reason` is stop, length, tool_calls or content_filter. Token counts are None where the
    provider did not tell. `confidence` is the mean token probability, where it was asked for.
    """

    finish_reason: str
    calls: tuple[ToolCall, ...] = ()
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    confidence: float | None = None
    request_id: str = ""
    first_byte_seconds: float = 0.0


ModelChunk = ModelText | ModelEnd


class LanguageModel(Protocol):
    """Models of one or more providers, streamed."""

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk]:
        """Call the model; the last chunk is a `ModelEnd`. Closing the iterator frees the socket.

        Raises:
            ModelFailedError: The provider refused, or what it sent is not of its protocol.
            ModelTruncatedError: The stream ended without its terminator.
            ModelTimedOutError: A stage (connect, first byte, between chunks, whole) took too long.
            ModelRateLimitedError: 429; with the seconds to wait where the provider said so.
        """
        ...


class TokenCounter(Protocol):
    """Counts tokens as a capability's model does, or never under the truth."""

    async def count(self, capability: Capability, texts: Sequence[str]) -> Sequence[int]:
        """Tokens of each text: exact with the model's own tokenizer, else UTF-8 bytes."""
        ...

    def exact(self, capability: Capability) -> bool:
        """Whether counts for this capability are the tokenizer's own."""
        ...


# ── Between processes ─────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSummary:
    """How a turn went. `began` is the monotonic time of its message, `reason` its failure's."""

    turn_id: TurnId
    state: TurnState
    reason: str
    began: float
    times: tuple[PhaseTime, ...]
    attempts: tuple[Attempt, ...]
    usage: Usage


class TurnObserver(Protocol):
    """Who measures: phases take their own times, and spans and histograms are made of them here."""

    def turn_ended(self, summary: TurnSummary) -> None: ...

    def broke(self, turn_id: TurnId, error: Exception) -> None:
        """Something in a turn's driver broke that no refusal names: a defect."""
        ...


class SignalKind(Enum):
    WATCH = "watch"
    CANCEL = "cancel"
    WRITTEN = "written"
    PROMOTED = "promoted"


@dataclass(frozen=True, slots=True)
class Signal:
    """Something happened to a turn elsewhere. `turn_id` None: look at all, some may be missed."""

    kind: SignalKind
    turn_id: TurnId | None


class TurnSignals(Protocol):
    """What one process tells another about turns; the database holds the truth.

    A signal may be lost or come twice: who waits for one also looks by himself every second.
    """

    def listen(self) -> AsyncIterator[Signal]:
        """Signals for this server, for as long as it is iterated.

        WATCH, CANCEL and PROMOTED concern turns that this server drives or accepted; WRITTEN the
        turns that it said it watches.
        """
        ...

    async def watch(self, tenant_id: TenantId, turn_id: TurnId) -> None:
        """Say that somebody watches this turn from here, so that its driver writes often."""
        ...

    async def cancel(self, tenant_id: TenantId, turn_id: TurnId, by: str) -> None:
        """Ask the turn's driver, wherever it is, to cancel it. Asking again changes nothing."""
        ...

    async def written(self, turns: Sequence[tuple[TenantId, TurnId]]) -> None:
        """Tell those who watch these turns from elsewhere that events were committed."""
        ...

    async def promoted(self, turn_id: TurnId, owner: ServerId) -> None:
        """Tell the server that accepted a queued turn that it runs now."""
        ...

    async def cancellations(
        self, turns: Sequence[tuple[TenantId, TurnId]]
    ) -> Sequence[tuple[TurnId, str]]:
        """Those of the turns that somebody has asked to cancel, and who."""
        ...

    async def watched(self, turns: Sequence[tuple[TenantId, TurnId]]) -> Sequence[TurnId]:
        """Those of the turns that somebody watches from another process."""
        ...


# ── Sessions and what is said of answers ──────────────────────────────────────────────────────


class SessionStore(Protocol):
    """The sessions of tenants. Each call is one transaction; those that change may be repeated."""

    async def create(self, session: Session, request: RequestKey) -> Session:
        """Open a session, which holds one unit of the metric sessions in the tenant's account.

        The stored one when the request was there before.

        Raises:
            BudgetExhaustedError: The tenant has as many open sessions as it may.
            IdempotencyKeyReusedError: The request id is known with another digest.
        """
        ...

    async def session(self, tenant_id: TenantId, session_id: SessionId) -> Session:
        """A session, even a deleted one.

        Raises:
            SessionNotFoundError: No such session of this tenant.
        """
        ...

    async def sessions(
        self, tenant_id: TenantId, *, deleted: bool, after: SessionId | None, limit: int
    ) -> Sequence[Session]:
        """Newest first, older than `after`; deleted ones only where they are asked for."""
        ...

    async def delete(
        self,
        tenant_id: TenantId,
        session_id: SessionId,
        *,
        etag: str,
        at: datetime,
        request: RequestKey,
    ) -> Session:
        """Let a session take no more messages, and give its unit back.

        A deleted one stays as it is.

        Raises:
            SessionNotFoundError: No such session of this tenant.
            SessionBusyError: A turn is open.
            EtagMismatchError: An etag was given, and it is another by now.
            IdempotencyKeyReusedError: The request id is known with another digest.
        """
        ...


class FeedbackStore(Protocol):
    """What subjects say of answers."""

    async def submit(self, feedback: Feedback, request: RequestKey) -> Feedback:
        """Keep a subject's word on a turn in place of his last one.

        The word that was kept when the request was there before.

        Raises:
            TurnNotFoundError: No such turn of this tenant.
            IdempotencyKeyReusedError: The request id is known with another digest.
        """
        ...
