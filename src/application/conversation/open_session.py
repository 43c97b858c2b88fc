"""Open a session with a capsule."""

from dataclasses import dataclass
from typing import Final, final

from application.capsule.load_capsule import LoadCapsule, LoadCapsuleQuery
from application.conversation.ports.sessions import SessionStore
from application.kernel.ports import CanonicalJson, Clock, IdentifierSource
from domain.capsule.manifest import SessionTerms, WhenBusy
from domain.conversation.session import Busy, Session
from domain.kernel.identifiers import RequestId, SessionId, TenantId
from domain.kernel.principal import Principal
from domain.kernel.request_key import RequestKey

METHOD: Final = "CreateSession"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSessionCommand:
    """`capsule` is a name; where `busy` or `max_waiting` is None the capsule's own terms hold."""

    principal: Principal
    tenant_id: TenantId
    capsule: str
    request_id: RequestId
    busy: Busy | None = None
    max_waiting: int | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """Open it, once per request id, if a turn could begin under its capsule now."""

    load_capsule: LoadCapsule
    sessions: SessionStore
    canonical: CanonicalJson
    clock: Clock
    identifiers: IdentifierSource

    async def __call__(self, command: OpenSessionCommand) -> Session:
        """Give the session, or the one that this request opened before.

        Raises:
            CapsuleNotFoundError: No version of the capsule is active.
            CapsuleRevokedError: It was withdrawn.
            BudgetExhaustedError: The tenant has as many open sessions as it may.
            IdempotencyKeyReusedError: The request id is known with another content.
        """
        loaded = await self.load_capsule(
            LoadCapsuleQuery(tenant_id=command.tenant_id, capsule=command.capsule)
        )
        busy, max_waiting = _terms(command, loaded.capsule.manifest.session)
        session = Session(
            id=SessionId(self.identifiers.next()),
            tenant_id=command.tenant_id,
            capsule=command.capsule,
            subject=command.principal.subject,
            busy=busy,
            max_waiting=max_waiting,
            created_at=self.clock.now(),
        )
        return await self.sessions.create(session, self._request(command))

    def _request(self, command: OpenSessionCommand) -> RequestKey:
        content = self.canonical.encode(
            {
                "capsule": command.capsule,
                "busy": None if command.busy is None else command.busy.name,
                "max_waiting": command.max_waiting,
            }
        )
        return RequestKey.of(METHOD, command.request_id, command.principal.subject, content)


def _terms(command: OpenSessionCommand, terms: SessionTerms) -> tuple[Busy, int]:
    """What the client says, else what the capsule says; nobody waits where none may."""
    busy = command.busy
    if busy is None:
        busy = Busy.QUEUE if terms.busy is WhenBusy.QUEUE else Busy.REFUSE
        if command.max_waiting:
            busy = Busy.QUEUE
    if busy is Busy.REFUSE:
        return busy, 0
    most = terms.max_waiting if command.max_waiting is None else command.max_waiting
    return (Busy.QUEUE, most) if most else (Busy.REFUSE, 0)
