"""Ends every open turn of a tenant that was stopped."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, final

from application.conversation.cancel_turn import CancelTurn, CancelTurnCommand
from application.conversation.read_conversation import ListSessions, ListSessionsQuery
from domain.conversation.errors import TurnAlreadyEndedError, TurnNotFoundError
from domain.kernel.identifiers import SessionId, TenantId, TurnId

SESSIONS_A_PAGE: Final = 200
MOST_AT_ONCE: Final = 32


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EndOpenTurns:
    """Turns that run elsewhere are told to end, and end by themselves."""

    list_sessions: ListSessions
    cancel: CancelTurn

    async def __call__(self, tenant_id: TenantId, *, by: str) -> int:
        """Tell all of them; how many there were. Asking again finds those that are left.

        Raises:
            StorageUnavailableError: Some may have been told; ask again.
        """
        room = asyncio.Semaphore(MOST_AT_ONCE)

        async def end(session_id: SessionId, turn_id: TurnId) -> bool:
            command = CancelTurnCommand(
                tenant_id=tenant_id, session_id=session_id, turn_id=turn_id, by=by
            )
            async with room:
                try:
                    await self.cancel(command)
                except (TurnAlreadyEndedError, TurnNotFoundError):
                    return False
                return True

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(end(*one)) async for one in self._open(tenant_id)]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        return sum(task.result() for task in tasks)

    async def _open(self, tenant_id: TenantId) -> AsyncIterator[tuple[SessionId, TurnId]]:
        """Those that wait go before the one they wait for: else it would promote them."""
        after: SessionId | None = None
        while True:
            sessions = await self.list_sessions(
                ListSessionsQuery(tenant_id=tenant_id, limit=SESSIONS_A_PAGE, after=after)
            )
            for session in sessions:
                for turn_id in reversed(session.queue.waiting):
                    yield session.id, turn_id
                if session.queue.open_turn is not None:
                    yield session.id, session.queue.open_turn
            if len(sessions) < SESSIONS_A_PAGE:
                return
            after = sessions[-1].id
