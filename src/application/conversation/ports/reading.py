"""Reads of one tenant's turns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from application.conversation.ports.checkpoint import Checkpoint
from domain.conversation.message import Message
from domain.conversation.session import Session
from domain.conversation.turn import Turn
from domain.conversation.turn_event import TurnEvent
from domain.kernel.identifiers import SessionId, TenantId, TurnId
from domain.kernel.metering import Metric
from domain.tools.invocation import Invocation


class UnreadableError(Exception):
    """What is stored of a turn cannot be read: it is damaged, or a later release wrote it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a turn begins with: its session, and the session's latest messages, oldest first.

    `last_event` is the number of the last event published of the session; 0 when there is none.
    Every end of a turn is one: while it stands, the history does.
    """

    session: Session
    last_event: int
    history: tuple[Message, ...]


class TurnReader(Protocol):
    """Reads of one tenant's conversations, under row-level security."""

    async def opening(self, tenant_id: TenantId, session_id: SessionId, messages: int) -> Opening:
        """Read a session and at most so many of its latest messages.

        Raises:
            SessionNotFoundError: No such session of this tenant, or it was deleted.
        """
        ...

    async def accepted(
        self, tenant_id: TenantId, session_id: SessionId, request_id: str
    ) -> tuple[TurnId, bytes] | None:
        """The turn that a request of the session was accepted as, and the digest it had."""
        ...

    async def turn(self, tenant_id: TenantId, turn_id: TurnId) -> Turn:
        """Read a turn.

        Raises:
            TurnNotFoundError: No such turn of this tenant.
            UnreadableError: What was asked for cannot be read.
        """
        ...

    async def outline(self, tenant_id: TenantId, turn_id: TurnId) -> Turn:
        """A turn that cannot be read, as far as it can.

        Its order tells its tenant, its session's subject and its text, and nothing else; of one
        that has ended the answer, usage, failure and record are told that can be read, and of an
        end that cannot the failure INTERNAL. Of one that has not ended the usage is told that
        was settled when it was interrupted, where it can be read.

        Raises:
            TurnNotFoundError: No such turn of this tenant.
        """
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

    async def ceiling(self, tenant_id: TenantId, turn_id: TurnId) -> int:
        """The highest number under which a server may have shown an event of the running turn.

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

    async def overrun(self, tenant_id: TenantId, turn_id: TurnId) -> Mapping[Metric, int]:
        """What the turn used beyond the limits of the tenant's own account; nothing of zero."""
        ...

    async def checkpoint(self, tenant_id: TenantId, turn_id: TurnId) -> Checkpoint:
        """What a turn had done by its last round or pause; an empty one before, and at its end.

        Raises:
            TurnNotFoundError: No such turn of this tenant.
            UnreadableError: What is stored of that cannot be read.
        """
        ...

    async def invocations(self, tenant_id: TenantId, turn_id: TurnId) -> Sequence[Invocation]:
        """The turn's tool calls, in order of their identifiers."""
        ...

    async def turns(
        self, tenant_id: TenantId, session_id: SessionId, after: TurnId | None, limit: int
    ) -> Sequence[Turn]:
        """The session's turns, newest first, older than `after`.

        One that cannot be read is told in outline, and keeps no other from being told.
        """
        ...
