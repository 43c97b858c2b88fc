"""Valid domain objects, one keyword away from interesting ones."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from application.memory.ports import RememberText
from domain.budget.account import Hold, Use
from domain.conversation.session import Busy, Session, SessionQueue
from domain.conversation.turn import Turn, TurnOrder, TurnState
from domain.conversation.turn_event import TextAdded, TurnEvent, TurnEventBody
from domain.delivery.dead_letter import Attempt, DeadLetter
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import (
    AccountId,
    CapsuleVersionId,
    DeadLetterId,
    EventId,
    InvocationId,
    KeyId,
    MemoryId,
    SessionId,
    TenantId,
    TurnId,
)
from domain.kernel.metering import PRICE_VERSION, Metric
from domain.kernel.principal import Principal
from domain.memory.events import MemoryRemembered
from domain.memory.recollection import MemoryKind, MemoryScope, Recollection
from domain.tenancy.tenant import Tenant
from domain.tools.invocation import Invocation, InvocationState
from tests.fakes import NOON

TENANT: Final = TenantId(UUID("01946f00-0000-7000-8000-0000000000a1"))
OTHER_TENANT: Final = TenantId(UUID("01946f00-0000-7000-8000-0000000000a2"))
SESSION: Final = SessionId(UUID("01946f00-0000-7000-8000-0000000000b1"))
TURN: Final = TurnId(UUID("01946f00-0000-7000-8000-0000000000c1"))
CAPSULE_VERSION: Final = CapsuleVersionId(UUID("01946f00-0000-7000-8000-0000000000d1"))
INVOCATION: Final = InvocationId(UUID("01946f00-0000-7000-8000-0000000000e1"))
EVENT: Final = EventId(UUID("01946f00-0000-7000-8000-0000000000f1"))
DEAD_LETTER: Final = DeadLetterId(UUID("01946f00-0000-7000-8000-000000000101"))


def principal(
    *,
    tenant_id: TenantId = TENANT,
    subject: str = "ada",
    roles: Sequence[str] = ("member",),
    scopes: Sequence[str] = (),
    key_id: KeyId | None = None,
) -> Principal:
    return Principal(
        tenant_id=tenant_id,
        tenant="acme",
        subject=subject,
        roles=frozenset(roles),
        scopes=frozenset(scopes),
        key_id=key_id,
    )


def hold(
    amount: int = 100,
    *,
    metric: Metric = Metric.TOKENS,
    account_id: AccountId | None = None,
    required: bool = False,
) -> Hold:
    """A hold, by default in the account of the tenant itself."""
    return Hold(account_id or AccountId(TENANT), metric, amount, required)


def use(
    amount: int = 40, *, metric: Metric = Metric.TOKENS, price_version: int = PRICE_VERSION
) -> Use:
    return Use(metric, amount, price_version)


def order(*, text: str = "Hello", asked_by: Principal | None = None) -> TurnOrder:
    return TurnOrder(principal=asked_by or principal(), text=text)


def session(
    *,
    session_id: SessionId = SESSION,
    tenant_id: TenantId = TENANT,
    max_waiting: int = 2,
    deleted_at: datetime | None = None,
    queue: SessionQueue | None = None,
) -> Session:
    """A session; one that lets nobody wait refuses while it is busy."""
    return Session(
        id=session_id,
        tenant_id=tenant_id,
        capsule="greeter",
        subject="ada",
        busy=Busy.QUEUE if max_waiting else Busy.REFUSE,
        max_waiting=max_waiting,
        created_at=NOON,
        deleted_at=deleted_at,
        queue=queue or SessionQueue(),
    )


def turn(
    *,
    turn_id: TurnId = TURN,
    tenant_id: TenantId = TENANT,
    session_id: SessionId = SESSION,
    state: TurnState = TurnState.RUNNING,
    fence: int = 1,
    text: str = "Hello",
) -> Turn:
    return Turn(
        id=turn_id,
        tenant_id=tenant_id,
        session_id=session_id,
        capsule_version_id=CAPSULE_VERSION,
        state=state,
        fence=fence,
        order=order(text=text, asked_by=principal(tenant_id=tenant_id)),
        accepted_at=NOON,
        deadline_at=NOON,
    )


def invocation(
    *,
    invocation_id: InvocationId = INVOCATION,
    tenant_id: TenantId = TENANT,
    turn_id: TurnId | None = TURN,
    state: InvocationState = InvocationState.STARTED,
    arguments: str = '{"city":"Oslo"}',
    expires_at: datetime | None = None,
) -> Invocation:
    """One call of the tool `send`, which has an effect; by default one that a turn has started."""
    return Invocation(
        id=invocation_id,
        tenant_id=tenant_id,
        turn_id=turn_id,
        round=1 if turn_id else 0,
        call_id="call_1" if turn_id else "",
        tool="send",
        arguments=arguments,
        digest=sha256(arguments.encode()).digest(),
        effect=True,
        state=state,
        permit="autonomy",
        requested_by="ada",
        expires_at=expires_at,
        created_at=NOON,
    )


def turn_event(sequence: int = 1, body: TurnEventBody | None = None) -> TurnEvent:
    return TurnEvent(sequence, NOON, body or TextAdded("hi"))


def fact(
    *, event_id: EventId = EVENT, tenant_id: TenantId = TENANT, key: UUID = SESSION
) -> DomainEvent:
    """Something that others are told of, with the least that any such thing has."""
    return DomainEvent(id=event_id, tenant_id=tenant_id, key=key, occurred_at=NOON)


def dead_letter(
    letter_id: DeadLetterId = DEAD_LETTER,
    *,
    owner: Tenant | None = None,
    origin: str = "conversation.inbound/0/1",
) -> DeadLetter:
    """A letter of a tenant, by default of `TENANT`, that a consumer gave up after one attempt."""
    return DeadLetter(
        id=letter_id,
        tenant_id=TENANT if owner is None else owner.id,
        tenant="acme" if owner is None else owner.slug,
        source="conversation.inbound",
        origin=origin,
        topic="conversation.inbound",
        key=str(SESSION).encode(),
        type="conversation.message_sent",
        payload_bytes=2,
        reason="SESSION_NOT_FOUND",
        cause="there is no such session",
        attempts=(Attempt(NOON, "there is no such session"),),
        created_at=NOON,
    )


def remembered(text: str) -> RememberText:
    """A fact that everybody in the tenant may recall."""
    kept = Recollection(
        id=MemoryId(UUID("01946f00-0000-7000-8000-000000000aaa")),
        scope=MemoryScope(TENANT),
        text=text,
        kind=MemoryKind.FACT,
        strength=1.0,
        source="",
        digest=bytes(32),
        created_at=NOON,
    )
    return RememberText(
        recollection=kept,
        nonce=bytes(16),
        request_id="remember",
        digest=b"",
        fact=MemoryRemembered(
            id=EventId(kept.id),
            tenant_id=TENANT,
            key=TENANT,
            occurred_at=NOON,
            memory_id=kept.id,
            scope=kept.scope,
            kind=kept.kind,
            digest=kept.digest,
        ),
    )
