"""A session: one subject's exchange with one capsule, turn after turn, and its queue."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from typing import Self

from domain.kernel.identifiers import SessionId, TenantId, TurnId


class Busy(IntEnum):
    """What a session does with a message while a turn is open; the numbers are stored."""

    QUEUE = 1
    REFUSE = 2


@dataclass(frozen=True, slots=True)
class SessionQueue:
    """The order of one session's turns, which never interleave.

    `open_turn` is RUNNING or PAUSED; `waiting` are QUEUED, head first.
    """

    open_turn: TurnId | None = None
    waiting: tuple[TurnId, ...] = ()

    def admits(self, max_waiting: int) -> bool:
        return self.open_turn is None or len(self.waiting) < max_waiting

    def join(self, turn_id: TurnId) -> Self:
        """Run the turn now if nothing is open, else put it last; ask `admits` first."""
        if self.open_turn is None:
            return replace(self, open_turn=turn_id)
        return replace(self, waiting=(*self.waiting, turn_id))

    def leave(self, turn_id: TurnId) -> Self:
        """Take a turn out; when it was the open one, the head of the queue becomes it."""
        if self.open_turn != turn_id:
            return replace(self, waiting=tuple(t for t in self.waiting if t != turn_id))
        return replace(
            self, open_turn=self.waiting[0] if self.waiting else None, waiting=self.waiting[1:]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """`max_waiting` is 0 when the session refuses while it is busy."""

    id: SessionId
    tenant_id: TenantId
    capsule: str
    subject: str
    busy: Busy
    max_waiting: int
    created_at: datetime
    deleted_at: datetime | None = None
    queue: SessionQueue = SessionQueue()

    @property
    def etag(self) -> str:
        """Changes with the session's own fields; what its turns come to leaves it."""
        return "1" if self.deleted_at is None else "2"
