"""Commands to the kernel about one tenant, one keyword away from interesting ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from application.budget.ports import ReserveHolds
from application.conversation.ports.checkpoint import Checkpoint
from application.conversation.ports.journal import (
    AcceptTurn,
    ExtendTurn,
    FinishTurn,
    PauseTurn,
    ResumeTurn,
    TakeOnTurn,
)
from application.tools.ports import Outcome
from domain.budget.account import Account, AccountKind, Hold, Use
from domain.conversation.message import Message, Role, ToolCall
from domain.conversation.session import Busy, Session
from domain.conversation.turn import Failure, TurnOrder, TurnState, Usage
from domain.conversation.turn_event import Restarted, TextAdded, TurnEvent
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import (
    AccountId,
    EventId,
    InvocationId,
    MessageId,
    RecordId,
    RequestId,
    ReservationId,
    SessionId,
    StartId,
    TenantId,
    TurnId,
)
from domain.kernel.metering import Metric
from domain.kernel.request_key import RequestKey
from domain.tools.invocation import Invocation, InvocationState
from tests.builders import CAPSULE_VERSION, fact, invocation, principal
from tests.fakes import NOON, CountingIdentifiers

EVERYTHING: Final = 2**63 - 1
"""The last event that a turn was planned with, whatever is published meanwhile."""

USAGE: Final = Usage(prompt_tokens=30, completion_tokens=10, api_calls=1)

CHECKPOINT: Final = Checkpoint(
    messages=(Message(Role.ASSISTANT, "May I?", (ToolCall("call_1", "send", "{}"),)),),
    prompt_tokens=40,
    usage=USAGE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """What is asked about one tenant and session; every command has identifiers of its own."""

    identifiers: CountingIdentifiers
    tenant_id: TenantId
    session_id: SessionId

    @classmethod
    def fresh(cls, identifiers: CountingIdentifiers) -> "Commands":
        return cls(
            identifiers=identifiers,
            tenant_id=TenantId(identifiers.next()),
            session_id=SessionId(identifiers.next()),
        )

    def in_session(self, session_id: SessionId) -> "Commands":
        return Commands(
            identifiers=self.identifiers, tenant_id=self.tenant_id, session_id=session_id
        )

    @property
    def account(self) -> Account:
        """The tenant's own."""
        return Account(AccountKind.TENANT, str(self.tenant_id))

    def account_id(self, user: str | None = None) -> AccountId:
        account = self.account if user is None else Account(AccountKind.USER, user)
        return account.id_in(self.tenant_id)

    def hold(
        self,
        amount: int,
        metric: Metric = Metric.TOKENS,
        *,
        user: str | None = None,
        required: bool = False,
    ) -> Hold:
        return Hold(self.account_id(user), metric, amount, required)

    def request(self, method: str = "SetLimit") -> RequestKey:
        """A request id that nobody has used."""
        return RequestKey.of(method, RequestId(str(self.identifiers.next())), "ada", b"content")

    def session(self, *, max_waiting: int = 2) -> Session:
        return Session(
            id=self.session_id,
            tenant_id=self.tenant_id,
            capsule="greeter",
            subject="ada",
            busy=Busy.QUEUE if max_waiting else Busy.REFUSE,
            max_waiting=max_waiting,
            created_at=NOON,
        )

    def accept(
        self,
        *holds: Hold,
        request_id: str | None = None,
        digest: bytes = b"content",
        text: str = "Hello",
        last_event: int = EVERYTHING,
    ) -> AcceptTurn:
        turn_id = TurnId(self.identifiers.next())
        return AcceptTurn(
            tenant_id=self.tenant_id,
            session_id=self.session_id,
            request_id=str(turn_id) if request_id is None else request_id,
            digest=digest,
            turn_id=turn_id,
            capsule_version_id=CAPSULE_VERSION,
            message_id=MessageId(self.identifiers.next()),
            order=TurnOrder(principal=principal(tenant_id=self.tenant_id), text=text),
            seconds=300.0,
            last_event=last_event,
            holds=holds,
            event=self.fact(),
        )

    def extend(
        self,
        turn_id: TurnId,
        *holds: Hold,
        fence: int = 1,
        round: int = 1,  # noqa: A002 - the command's own word
        started: Sequence[Invocation] = (),
        made: Sequence[Invocation] = (),
    ) -> ExtendTurn:
        return ExtendTurn(
            tenant_id=self.tenant_id,
            turn_id=turn_id,
            fence=fence,
            round=round,
            checkpoint=CHECKPOINT,
            holds=holds,
            started=tuple(started),
            made=tuple(made),
        )

    def pause(
        self,
        turn_id: TurnId,
        *uses: Use,
        fence: int = 1,
        events: Sequence[TurnEvent] = (),
        waiting: Sequence[Invocation] = (),
    ) -> PauseTurn:
        return PauseTurn(
            tenant_id=self.tenant_id,
            turn_id=turn_id,
            fence=fence,
            checkpoint=CHECKPOINT,
            events=tuple(events),
            uses=uses,
            usage=USAGE,
            waiting=tuple(waiting),
            made=(),
            outgoing=(self.fact(),),
        )

    def resume(self, turn_id: TurnId, *holds: Hold, fence: int = 1) -> ResumeTurn:
        return ResumeTurn(
            tenant_id=self.tenant_id,
            turn_id=turn_id,
            fence=fence,
            seconds=300.0,
            holds=holds,
            event=self.fact(),
        )

    def take_on(
        self,
        turn_id: TurnId,
        *holds: Hold,
        uses: Sequence[Use] = (),
        fence: int = 2,
        void: tuple[int, int] | None = (1, 1000),
        step: int = 0,
        progressed: bool = False,
    ) -> TakeOnTurn:
        body = None if void is None else Restarted(*void)
        return TakeOnTurn(
            tenant_id=self.tenant_id,
            turn_id=turn_id,
            fence=fence,
            step=step,
            progressed=progressed,
            void=None if body is None else TurnEvent(body.last_sequence, NOON, body),
            checkpoint=CHECKPOINT,
            usage=USAGE,
            uses=tuple(uses),
            holds=holds,
            made=(),
            outgoing=(self.fact(),),
        )

    def finish(
        self,
        turn_id: TurnId,
        *uses: Use,
        fence: int = 1,
        state: TurnState = TurnState.COMPLETED,
        events: Sequence[TurnEvent] = (),
        outgoing: int = 1,
    ) -> FinishTurn:
        failure = Failure(kind="UnavailableError", reason="MODEL_FAILED", message="gone", facts={})
        return FinishTurn(
            tenant_id=self.tenant_id,
            turn_id=turn_id,
            fence=fence,
            state=state,
            message_id=MessageId(self.identifiers.next()),
            answer="Good day",
            failure=failure if state is TurnState.FAILED else None,
            usage=USAGE,
            uses=uses,
            events=tuple(events),
            made=(),
            record_id=RecordId(self.identifiers.next()),
            record=b"{}",
            nonce=self.identifiers.nonce(),
            trace=b'{"phases":[]}',
            outgoing=tuple(self.fact() for _ in range(outgoing)),
        )

    def call(
        self, turn_id: TurnId | None, state: InvocationState = InvocationState.STARTED
    ) -> Invocation:
        return invocation(
            invocation_id=InvocationId(self.identifiers.next()),
            tenant_id=self.tenant_id,
            turn_id=turn_id,
            state=state,
        )

    def start(self) -> StartId:
        """A start that nobody has made."""
        return StartId(self.identifiers.next())

    def reserve(
        self,
        *holds: Hold,
        request_id: str | None = None,
        digest: bytes = b"content",
        seconds: float = 60.0,
    ) -> ReserveHolds:
        reservation_id = ReservationId(self.identifiers.next())
        return ReserveHolds(
            tenant_id=self.tenant_id,
            reservation_id=reservation_id,
            request_id=str(reservation_id) if request_id is None else request_id,
            digest=digest,
            holds=holds,
            seconds=seconds,
        )

    def fact(self) -> DomainEvent:
        event_id = EventId(self.identifiers.next())
        return fact(event_id=event_id, tenant_id=self.tenant_id, key=self.session_id)


def shown(*sequences: int) -> tuple[TurnEvent, ...]:
    return tuple(TurnEvent(number, NOON, TextAdded(f"text {number}")) for number in sequences)


def tokens(amount: int) -> Use:
    return Use(Metric.TOKENS, amount, 1)


def outcome(
    call: Invocation,
    state: InvocationState = InvocationState.SUCCEEDED,
    *,
    fence: int = 0,
    result: str = '{"sent":true}',
) -> Outcome:
    return Outcome(
        tenant_id=call.tenant_id,
        invocation_id=call.id,
        fence=fence,
        state=state,
        result=result,
        reason="" if state is InvocationState.SUCCEEDED else "it broke",
    )
