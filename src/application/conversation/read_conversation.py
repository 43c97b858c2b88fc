"""Read sessions, turns, and why a turn did what it did."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

from application.conversation.ports.reading import TurnReader
from application.conversation.ports.sessions import SessionStore
from application.conversation.told_turn import told_turn
from application.conversation.trace_reading import trace_of
from application.kernel.ports import CanonicalJson
from domain.conversation.errors import TurnNotFoundError
from domain.conversation.session import Session
from domain.conversation.trace import DecisionTrace
from domain.conversation.turn import Turn
from domain.kernel.identifiers import SessionId, TenantId, TurnId
from domain.tools.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSessionQuery:
    tenant_id: TenantId
    session_id: SessionId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSession:
    sessions: SessionStore

    async def __call__(self, query: ReadSessionQuery) -> Session:
        """A session, even a deleted one.

        Raises:
            SessionNotFoundError: No such session of this tenant.
        """
        return await self.sessions.session(query.tenant_id, query.session_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSessionsQuery:
    """At most `limit`, older than `after`; deleted ones only where they are asked for."""

    tenant_id: TenantId
    limit: int
    after: SessionId | None = None
    deleted: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ListSessions:
    sessions: SessionStore

    async def __call__(self, query: ListSessionsQuery) -> Sequence[Session]:
        """Newest first."""
        return await self.sessions.sessions(
            query.tenant_id, deleted=query.deleted, after=query.after, limit=query.limit
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTurnQuery:
    """A turn as its session's: under another session's name there is no such turn."""

    tenant_id: TenantId
    session_id: SessionId
    turn_id: TurnId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTurn:
    reader: TurnReader

    async def __call__(self, query: ReadTurnQuery) -> Turn:
        """Raises: TurnNotFoundError: The session has no such turn."""
        turn = await told_turn(self.reader, query.tenant_id, query.turn_id)
        if turn.session_id != query.session_id:
            raise TurnNotFoundError(str(query.turn_id))
        return turn


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTurnsQuery:
    """At most `limit` of a session, older than `after`."""

    tenant_id: TenantId
    session_id: SessionId
    limit: int
    after: TurnId | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ListTurns:
    sessions: SessionStore
    reader: TurnReader

    async def __call__(self, query: ListTurnsQuery) -> Sequence[Turn]:
        """Newest first.

        Raises:
            SessionNotFoundError: No such session of this tenant.
        """
        session = await self.sessions.session(query.tenant_id, query.session_id)
        return await self.reader.turns(query.tenant_id, session.id, query.after, query.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedTurn:
    """A turn with its decision trace, and the tool calls it made so far."""

    turn: Turn
    trace: DecisionTrace
    invocations: tuple[Invocation, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReadDecisionTrace:
    """Of a turn that has not ended the trace is empty, save for what is written of its tools."""

    read_turn: ReadTurn
    reader: TurnReader
    json: CanonicalJson

    async def __call__(self, query: ReadTurnQuery) -> ExplainedTurn:
        """Raises: TurnNotFoundError: The session has no such turn."""
        turn = await self.read_turn(query)
        kept = await self.reader.trace(query.tenant_id, query.turn_id)
        invocations = await self.reader.invocations(query.tenant_id, query.turn_id)
        trace = (
            trace_of(turn.id, self.json.decode(kept)) if kept else DecisionTrace(turn_id=turn.id)
        )
        trace = replace(trace, overrun=await self.reader.overrun(query.tenant_id, query.turn_id))
        return ExplainedTurn(turn=turn, trace=trace, invocations=tuple(invocations))
